/** When one run is to be asked about. */
export interface RunPace {
  /** How long to wait from now before the next question, in milliseconds. */
  nextWaitMs(): number;
  /** The run was seen to have ended, this long after it began. */
  ended(afterMs: number): void;
}

const shortestMs = 10;
const firstGuessMs = 20;
/** What takes longer is no short run even on a host under heavy load, and tells nothing of them. */
const shortRunMs = 3000;
/** How late a short run may be seen to have ended that comes after slow ones. */
const longestExpectedMs = 500;
const longestWaitMs = 1000;
/** Of the last run's news, how much is believed. */
const trust = 0.5;
/** The first question found the run ended: it may well have ended earlier. */
const earlier = 0.85;
const growth = 1.6;
const staleMs = 5000;

/**
 * When to ask a guest whether a run has ended: nothing tells that it has, and each question costs the guest, libvirtd
 * and this process as much as a good part of a short run. Most runs are short and take about as long as those before
 * them, so the first question comes when they lately ended, and further ones at growing distances.
 */
export class PollPace {
  #expectedMs = firstGuessMs;
  #learnedAt = Number.NEGATIVE_INFINITY;

  /** `now` is on a monotonic clock, in milliseconds. */
  begin(now: number): RunPace {
    if (now - this.#learnedAt > staleMs) this.#expectedMs = firstGuessMs;
    const expectedMs = this.#expectedMs;
    let asked = 0;
    let waitMs = expectedMs;
    return {
      nextWaitMs: () => {
        if (asked === 1) waitMs = Math.max(shortestMs, expectedMs / 2);
        else if (asked > 1) waitMs = Math.min(waitMs * growth, longestWaitMs);
        asked += 1;
        return waitMs;
      },
      ended: (afterMs) => {
        this.#learn(asked > 1 ? afterMs : expectedMs * earlier, afterMs);
        this.#learnedAt = now + afterMs;
      },
    };
  }

  #learn(tookMs: number, seenAfterMs: number): void {
    if (seenAfterMs > shortRunMs) return;
    const believed = this.#expectedMs + (tookMs - this.#expectedMs) * trust;
    this.#expectedMs = Math.min(Math.max(believed, shortestMs), longestExpectedMs);
  }
}
