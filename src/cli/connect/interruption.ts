const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Somebody wants this program to end. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly code = 'Interrupted';
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** So many more times must somebody insist, until what is being put in order is left as it is. */
const insisting = 3;

/**
 * A signal that aborts, with an Interrupted, when this process is told to end. What is to be put in order then has its
 * time: only who insists ends the process at once, by `leave`.
 */
export function interruption(leave: (reason: Interrupted) => void): AbortSignal {
  const stop = new AbortController();
  let times = 0;
  for (const signal of signals) {
    process.on(signal, () => {
      times += 1;
      const reason = new Interrupted(signal);
      if (times === 1) stop.abort(reason);
      if (times > insisting) leave(reason);
    });
  }
  return stop.signal;
}
