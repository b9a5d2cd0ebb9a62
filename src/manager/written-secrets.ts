import type { Secret } from '../kube/core-resources.ts';
import type { Clock } from '../seams/clock.ts';

/** What was written and is not in the cache by then was deleted. */
const arrivesWithinMs = 30_000;

/** Secrets as this process last wrote them: they count, though the cache may not show them yet. */
export class WrittenSecrets {
  readonly #clock: Clock;
  /** By name; `base` is the version that was written over, `at` on the monotonic clock. */
  readonly #written = new Map<string, { base: string | undefined; object: Secret; at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `base`: the Secret as it was before; undefined: there was none. */
  add(object: Secret, base: Secret | undefined): void {
    const { name } = object.metadata;
    // Written twice before the cache shows the first: what it still shows is the first one's base.
    const earlier = this.#written.get(name);
    const chained = earlier !== undefined && earlier.object.metadata.resourceVersion === base?.metadata.resourceVersion;
    const version = chained ? earlier.base : base?.metadata.resourceVersion;
    this.#written.set(name, { base: version, object, at: this.#clock.monotonic() });
  }

  /** By name, what the cache shows, and what it is about to show. */
  over(cached: readonly Secret[]): Map<string, Secret> {
    const secrets = new Map(cached.map((secret) => [secret.metadata.name, secret]));
    const now = this.#clock.monotonic();
    for (const [name, { base, object, at }] of this.#written) {
      if (secrets.get(name)?.metadata.resourceVersion !== base || now - at > arrivesWithinMs)
        this.#written.delete(name);
      else secrets.set(name, object);
    }
    return secrets;
  }
}
