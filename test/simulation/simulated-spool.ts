import type { Chance } from './chance.ts';
import { type Launcher, readLauncher } from './launcher.ts';
import type { SimulatedGuard } from './simulated-guard.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { Start, Truth } from './truth.ts';

export interface SimulatedSpoolOptions {
  guest: string;
  name: string;
  bootId(): string;
  guard: SimulatedGuard;
  timeline: Timeline;
  chance: Chance;
  truth: Truth;
  trace: Trace | undefined;
}

/** The shell of one script; `report` is what it printed, once it ended. */
interface Shell {
  launcher: Launcher;
  alive: boolean;
  report?: string;
}

/** What a claim file and those beside it say of one run, and its command's process. */
interface Run {
  shell: Shell;
  start: Start;
  /** Whether the command's own process lives. */
  alive: boolean;
  /** As `.end` has it. */
  end?: { code: number; how: string; stdout: string };
}

const firstPid = 300;
/** So few that they are soon given out again: what a kernel does after thousands of processes (C8). */
const pids = 4;
const sigterm = 15;
const sigkill = 9;

/**
 * The scripts that a guest's agent started and what they keep in the guest's /run, as the spool's scripts do it: a claim
 * is made once, whoever finds one starts nothing.
 */
export class SimulatedSpool {
  readonly #options: SimulatedSpoolOptions;
  readonly #runs = new Map<string, Run | 'withdrawn'>();
  /** As the agent knows them, the oldest first: the next agent doesn't. */
  #known: { pid: number; shell: Shell }[] = [];
  /** All that live, whether or not an agent still knows them. */
  readonly #shells = new Set<Shell>();
  #started = 0;

  constructor(options: SimulatedSpoolOptions) {
    this.#options = options;
  }

  /** Whether any script, or any command of one, still runs. */
  get busy(): boolean {
    return this.#shells.size > 0 || [...this.#runs.values()].some((run) => run !== 'withdrawn' && run.alive);
  }

  launch(script: string): number {
    const { timeline, chance } = this.#options;
    const shell: Shell = { launcher: readLauncher(script), alive: true };
    const pid = this.#freePid(shell.launcher);
    this.#known.push({ pid, shell });
    this.#shells.add(shell);
    timeline.in(chance.between(2, 30), () => shell.alive && this.#begin(shell));
    return pid;
  }

  /** What guest-exec-status says; the first answer after the end also forgets it (C6). */
  statusOf(pid: number): object | undefined {
    const known = this.#known.find((each) => each.pid === pid);
    if (!known) return undefined;
    const { alive, report } = known.shell;
    if (alive) return { exited: false };
    this.#known = this.#known.filter((each) => each !== known);
    if (report === undefined) return { exited: true, signal: sigkill };
    return { exited: true, exitcode: 0, 'out-data': Buffer.from(report).toString('base64') };
  }

  /** `killing`: the agent's service takes what it had started with it, commands in sessions of their own perhaps not. */
  agentRestarted({ killing }: { killing: boolean }): void {
    if (killing) {
      this.#options.guard.die({ andItsMarks: false });
      for (const { shell } of this.#known) this.#ended(shell);
      for (const run of this.#runs.values()) {
        if (run !== 'withdrawn' && !run.shell.alive && this.#options.chance.happens(0.5)) run.alive = false;
      }
    }
    this.#known = [];
  }

  /** Nothing runs on, /run is empty afterwards, and pids are given out from the beginning again. */
  powerDown(): void {
    this.#options.guard.die({ andItsMarks: true });
    for (const shell of this.#shells) this.#ended(shell);
    for (const run of this.#runs.values()) if (run !== 'withdrawn') run.alive = false;
    this.#runs.clear();
    this.#known = [];
    this.#started = 0;
  }

  /**
   * The next that no living process has; an ended one's is free, though the agent may still remember its end. Within one
   * run's life they don't come round.
   */
  #freePid({ id }: Launcher): number {
    for (;;) {
      const pid = firstPid + (this.#started++ % (pids + this.#known.length));
      const taken = ({ alive, launcher }: Shell) => alive || launcher.id === id;
      if (!this.#known.some((each) => each.pid === pid && taken(each.shell))) return pid;
    }
  }

  #begin(shell: Shell): void {
    const { launcher } = shell;
    const { id } = launcher;
    const { guard } = this.#options;
    switch (launcher.does) {
      case 'arm':
        guard.arm(id, launcher.seconds);
        return this.#print(shell, 'armed\n');
      case 'disarm':
        return this.#print(shell, `${guard.disarm(id) ? 'fired' : 'quiet'} ${this.#options.bootId()}\n`);
      case 'look':
        return this.#tell(shell, this.#look(id));
      case 'kill':
        return this.#tell(shell, this.#kill(id, launcher.graceSeconds));
      case 'nothing':
        return this.#print(shell, '');
      case 'start': {
        const bootId = this.#options.bootId();
        if ((launcher.ifBootIdIs ?? bootId) !== bootId) return this.#tell(shell, `absent ${bootId}\n`);
        for (const each of launcher.drop) this.#runs.delete(each);
        if (this.#runs.has(id)) return this.#tell(shell, 'taken\n');
        return this.#start(shell, launcher.command);
      }
    }
  }

  #start(shell: Shell, command: readonly string[]): void {
    const { timeline, truth, trace, guest, name } = this.#options;
    const { id } = shell.launcher;
    const [, job, milliseconds, code] = command;
    const start = truth.started(id, guest, command, timeline.elapsed);
    trace?.say(name, `STARTS ${job} for task ${id}: start ${start.number}`);
    const run: Run = { shell, start, alive: true };
    this.#runs.set(id, run);
    timeline.in(Number(milliseconds), () => {
      this.#commandEnds(run, { code: Number(code), stdout: `${job}: start ${start.number}` });
    });
  }

  #commandEnds(run: Run, end: { code?: number; signal?: number; stdout: string }): void {
    const { timeline, trace, name } = this.#options;
    if (!run.alive) return;
    const { shell, start } = run;
    run.alive = false;
    start.end = { ...end, at: timeline.elapsed };
    trace?.say(name, `start ${start.number} ends: ${JSON.stringify(end)}`);
    if (!shell.alive) return;
    const { code = 0, signal, stdout } = end;
    const killed = start.killed ? ' killed' : '';
    run.end =
      signal === undefined
        ? { code, how: `exit${killed}`, stdout }
        : { code: 128 + signal, how: `signal${killed}`, stdout };
    this.#tell(shell, this.#look(shell.launcher.id));
  }

  #look(id: string): string {
    const bootId = this.#options.bootId();
    const run = this.#runs.get(id);
    if (!run) return `absent ${bootId}\n`;
    if (run === 'withdrawn') return `withdrawn ${bootId}\n`;
    if (!run.end) return run.alive ? `running ${bootId} 0 0\n` : `lost ${bootId}\n`;
    const { code, how, stdout } = run.end;
    return `done ${bootId} ${code} ${how} ${stdout.length} 0\n${stdout}`;
  }

  /** Some commands heed SIGTERM, others only SIGKILL. */
  #kill(id: string, graceSeconds: number): string {
    const { timeline, chance, trace, name, bootId } = this.#options;
    const run = this.#runs.get(id);
    if (!run) {
      this.#runs.set(id, 'withdrawn');
      return `withdrawn ${bootId()}\n`;
    }
    if (run === 'withdrawn' || !run.alive) return 'taken\n';
    trace?.say(name, `start ${run.start.number} is killed`);
    run.start.killed = true;
    const heeds = chance.happens(0.7);
    const withinMs = heeds ? chance.between(1, 200) : graceSeconds * 1000;
    timeline.in(withinMs, () => this.#commandEnds(run, { signal: heeds ? sigterm : sigkill, stdout: '' }));
    return 'taken\n';
  }

  #tell(shell: Shell, report: string): void {
    this.#print(shell, `qga1 ${shell.launcher.id} ${report}`);
  }

  #print(shell: Shell, report: string): void {
    shell.report = report;
    this.#ended(shell);
  }

  #ended(shell: Shell): void {
    shell.alive = false;
    this.#shells.delete(shell);
  }
}
