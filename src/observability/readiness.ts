/** What is missing, in a sentence; undefined when nothing is. */
export type ReadinessCheck = () => string | undefined;

/** What has to stand before a process does its work, each with a name: what `/readyz` tells. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>();
  #complete = false;

  add(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  /** Every check has been added. Before, nobody can know what is missing. */
  complete(): void {
    this.#complete = true;
  }

  /** One line a check, in the way of Kubernetes' own `/readyz?verbose`. */
  report(): { ready: boolean; text: string } {
    const results = [...this.#checks].map(([name, check]) => ({ name, missing: check() }));
    return {
      ready: this.#complete && results.every(({ missing }) => missing === undefined),
      text: results
        .map(({ name, missing }) => (missing === undefined ? `[+]${name} ok\n` : `[-]${name} ${missing}\n`))
        .join(''),
    };
  }
}

/** What is missing while caches are not filled. */
export function missingCaches(loops: { notSynced(): string[] }): string | undefined {
  const missing = loops.notSynced();
  if (missing.length === 0) return undefined;
  return `${missing.join(', ')} not listed yet: is the API server reachable, and are the CRDs applied?`;
}
