import { join } from 'node:path';
import { harnessPaths } from '../paths.ts';
import { run } from '../run.ts';

/** What a node imports, since no registry can be asked. */
export interface Images {
  archives: readonly string[];
  /** The chart's `image`. */
  operator: { repository: string; tag: string };
}

const buildTimeoutMs = 15 * 60_000;

/** Builds the operator's image from the repository's Dockerfile; does nothing where it is built already. */
export async function buildImages(): Promise<Images> {
  const folder = harnessPaths().images;
  const operator = await run(join(import.meta.dirname, 'build-image.sh'), [folder], { timeoutMs: buildTimeoutMs });
  return {
    archives: [join(folder, 'pause.tar'), operator.trim()],
    operator: { repository: 'localhost/qga-operator', tag: 'e2e' },
  };
}
