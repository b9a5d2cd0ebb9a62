import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { harnessPaths } from './paths.ts';
import { inPlace } from './place.ts';
import { run } from './run.ts';

/** The real kubectl, as an administrator; its functions may be taken apart from it. Failures reject with a CommandError that carries kubectl's own words. */
export interface Kubectl {
  /** The file it uses: also what a manager or an agent under test is started with. */
  readonly kubeconfig: string;
  /** Runs kubectl and returns its standard output. */
  kubectl: (...args: string[]) => Promise<string>;
  /** Applies YAML text, or objects as JSON. */
  apply: (...manifests: (string | object)[]) => Promise<string>;
  /** Applies a file, or a folder's files, and waits until kinds that they define are served. */
  applyFile: (path: string) => Promise<void>;
  /** Reads one object; `namespace` is left out for cluster-scoped kinds. */
  get: <T = Record<string, unknown>>(resource: string, name: string, namespace?: string) => Promise<T>;
}

/** `enter` is put before each command, where the cluster is in a network of its own. */
export function createKubectl(kubeconfig: string, enter: readonly string[] = []): Kubectl {
  const program = join(harnessPaths().controlPlane, 'kubectl');
  const { command, args: always } = inPlace(enter, program, ['--kubeconfig', kubeconfig]);

  async function kubectl(...args: string[]): Promise<string> {
    return run(command, [...always, ...args]);
  }
  async function apply(...manifests: (string | object)[]): Promise<string> {
    const documents = manifests.map((manifest) => (typeof manifest === 'string' ? manifest : JSON.stringify(manifest)));
    return run(command, [...always, 'apply', '-f', '-'], { input: documents.join('\n---\n') });
  }
  async function applyFile(path: string): Promise<void> {
    await kubectl('apply', '--server-side', ...((await stat(path)).isDirectory() ? ['-R', '-f'] : ['-f']), path);
    const definitions = await kubectl('get', 'crd', '-o', 'name');
    if (definitions) await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
  }
  async function get<T>(resource: string, name: string, namespace?: string): Promise<T> {
    const where = namespace ? ['-n', namespace] : [];
    const object: T = JSON.parse(await kubectl('get', resource, name, ...where, '-o', 'json'));
    return object;
  }
  return { kubeconfig, kubectl, apply, applyFile, get };
}
