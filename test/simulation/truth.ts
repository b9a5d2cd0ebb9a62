/** One start of a command in a guest, as it really was. */
export interface Start {
  /** Of all starts in this world. */
  number: number;
  task: string;
  guest: string;
  /** The command's arguments: the job's name first. */
  command: readonly string[];
  at: number;
  /** Somebody ended it who wanted it no more. */
  killed?: true;
  /** What it printed, how it exited or which signal ended it; a start that a reboot or a restart cut off has none. */
  end?: { stdout: string; code?: number; signal?: number; at: number };
}

/** Who froze a guest: a task of the operator's, or a person past it. */
export type Freezer = 'the operator' | 'somebody';

/** What ended it. `thaw`: the operator's agent called the guest's. */
export type FreezeEnder = 'thaw' | 'guard' | 'somebody' | 'power';

/** How long the kernel of a guest really kept a filesystem from being written to. Times: milliseconds of the timeline. */
export interface FrozenInterval {
  guest: string;
  mountpoint: string;
  by: Freezer;
  from: number;
  /** How long the guest's own clock had stood still in all, as it was paused: that time freezes nothing. */
  stoodStillMs: number;
  end?: { by: FreezeEnder; at: number; stoodStillMs: number };
}

/** What really happened in the guests: what the cluster says is measured by it. */
export class Truth {
  readonly starts: Start[] = [];
  /** Guests, by UUID, in which something happened after which nobody can know a command's end. */
  readonly disturbed = new Set<string>();
  readonly frozen: FrozenInterval[] = [];
  /** The longest that anybody asked for a freeze to last. */
  longestAskedMs = 0;
  /** Guests, by UUID, in which a guard may have been killed: by hosts alone they are thawed. */
  readonly unguarded = new Set<string>();

  started(task: string, guest: string, command: readonly string[], at: number): Start {
    const start: Start = { number: this.starts.length + 1, task, guest, command, at };
    this.starts.push(start);
    return start;
  }

  froze(interval: FrozenInterval): FrozenInterval {
    this.frozen.push(interval);
    return interval;
  }

  startsOf(task: string): Start[] {
    return this.starts.filter((start) => start.task === task);
  }
}
