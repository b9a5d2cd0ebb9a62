import { fsFreezeWindows, guestExecJobs, guests, guestTasks, passwordRotations } from '../../api/resources.ts';
import { contextsOf, loadEndpoint } from '../../kube/endpoint.ts';
import { HttpCluster } from '../../kube/http-cluster.ts';
import type { KubeObject, Resource } from '../../kube/objects.ts';
import { systemClock } from '../../seams/clock.ts';
import { systemRandom } from '../../seams/random.ts';
import { type NamedKind, valueOfFlag, type Wanted } from './wanted.ts';

/** As cobra's shell completion has them: kubectl asks plugins in the same way. */
const directives = { usual: 0, noSpace: 2, noFiles: 4 } as const;

const namespaces: Resource<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
};

const resourceOf: Record<NamedKind, Resource<KubeObject>> = {
  guests,
  guestPaths: guests,
  windows: fsFreezeWindows,
  rotations: passwordRotations,
  jobs: guestExecJobs,
  tasks: guestTasks,
  namespaces,
};

/** Nobody waits any longer for a list of names. */
const patienceMs = 3000;

/** What completes the last of the words, a line each, and cobra's directive as the last line. */
export async function completionLines(wanted: Wanted, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const fitting = (all: readonly string[]) => all.filter((word) => word.startsWith(typed));
  switch (wanted.what) {
    case 'words': {
      const lines = wanted.words.map(({ word, about }) => (about ? `${word}\t${about}` : word));
      return [...fitting(lines), `:${directives.noFiles}`];
    }
    case 'names': {
      const paths = wanted.of.includes('guestPaths');
      const names = await namesOf(wanted.of, words);
      const ending = paths ? directives.noSpace : directives.noFiles;
      return [...fitting(paths ? names.map((name) => `${name}:/`) : names), `:${ending}`];
    }
    case 'contexts':
      return [...fitting(contextsOf(valueOfFlag(words, '--kubeconfig'))), `:${directives.noFiles}`];
    case 'files':
      return [`:${directives.usual}`];
    case 'nothing':
      return [`:${directives.noFiles}`];
  }
}

async function namesOf(kinds: readonly NamedKind[], words: readonly string[]): Promise<string[]> {
  const endpoint = await loadEndpoint(valueOfFlag(words, '--kubeconfig'), systemClock, valueOfFlag(words, '--context'));
  const namespace = valueOfFlag(words, '-n', '--namespace') ?? endpoint.namespace;
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next, timeoutMs: patienceMs });
  try {
    const lists = await Promise.all(kinds.map((kind) => cluster.list(resourceOf[kind], { namespace })));
    return [...new Set(lists.flatMap(({ items }) => items.map(({ metadata }) => metadata.name)))].toSorted();
  } finally {
    await cluster.close();
  }
}
