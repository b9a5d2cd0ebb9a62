import type { Timeline } from './timeline.ts';

/** What happened in a simulated world, line by line: only for a seed that is looked at. */
export class Trace {
  readonly #timeline: Timeline;
  readonly #write: (line: string) => void;

  constructor(timeline: Timeline, write: (line: string) => void) {
    this.#timeline = timeline;
    this.#write = write;
  }

  say(who: string, what: string): void {
    const seconds = (this.#timeline.elapsed / 1000).toFixed(3).padStart(9);
    this.#write(`${seconds}  ${who.padEnd(12)} ${what}`);
  }
}
