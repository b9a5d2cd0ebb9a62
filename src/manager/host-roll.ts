import type { GuestHost } from '../api/resources.ts';
import type { ObjectKey } from '../kube/objects.ts';
import type { Clock } from '../seams/clock.ts';

/** A GuestHost that was deleted while its agent lives is back long before. */
const hostGoneAfterMs = 60_000;

/**
 * Which hosts there are. Deleting a GuestHost is how a person says that a host won't come back; one that is missing for
 * a moment is not gone.
 */
export class HostRoll {
  readonly #hosts: { get(key: ObjectKey): GuestHost | undefined };
  readonly #clock: Clock;
  readonly #missingSince = new Map<string, number>();

  constructor(hosts: { get(key: ObjectKey): GuestHost | undefined }, clock: Clock) {
    this.#hosts = hosts;
    this.#clock = clock;
  }

  exists(node: string): boolean {
    if (this.#hosts.get(node)) {
      this.#missingSince.delete(node);
      return true;
    }
    const now = this.#clock.monotonic();
    const since = this.#missingSince.get(node) ?? now;
    this.#missingSince.set(node, since);
    return now - since < hostGoneAfterMs;
  }

  /** In how many milliseconds the next of those that are missing counts as gone; undefined where none will. */
  nextGoneMs(): number | undefined {
    const now = this.#clock.monotonic();
    const left = [...this.#missingSince.values()].map((since) => since + hostGoneAfterMs - now).filter((ms) => ms > 0);
    return left.length > 0 ? Math.min(...left) : undefined;
  }
}
