import type { Cluster, ListOptions, ObjectList, WatchEvent, WatchOptions } from '../../../src/kube/cluster.ts';
import type { KubeObject, Resource } from '../../../src/kube/objects.ts';

type WatchScript = readonly (WatchEvent<KubeObject> | Error | 'end')[];

/**
 * A cluster whose lists and watches go by a script. A list is an answer or an error; a watch gives its events, then ends
 * in order (`end`), breaks with an error, or stays open until it is aborted, as the watch after the last of the script.
 */
export class ScriptedCluster implements Pick<Cluster, 'list' | 'watch'> {
  readonly lists: (ObjectList<KubeObject> | Error)[];
  readonly watches: WatchScript[];
  /** What was asked for, as `list` and `watch 17`. */
  readonly asked: string[] = [];
  readonly selections: object[] = [];

  constructor(script: { lists: (ObjectList<KubeObject> | Error)[]; watches: WatchScript[] }) {
    this.lists = [...script.lists];
    this.watches = [...script.watches];
  }

  /** As the whole interface: nothing else may be called. */
  get cluster(): Cluster {
    return this as unknown as Cluster;
  }

  async list<T extends KubeObject>(_: Resource<T>, { signal, ...selection }: ListOptions = {}): Promise<ObjectList<T>> {
    signal?.throwIfAborted();
    this.asked.push('list');
    this.selections.push(selection);
    const answer = this.lists.length > 1 ? this.lists.shift() : this.lists[0];
    if (!answer) throw new Error('the script has no list');
    if (answer instanceof Error) throw answer;
    return answer as ObjectList<T>;
  }

  async *watch<T extends KubeObject>(_: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const { signal, resourceVersion, ...selection } = options;
    this.asked.push(`watch ${resourceVersion}`);
    this.selections.push(selection);
    for (const step of this.watches.shift() ?? []) {
      if (step === 'end') return;
      if (step instanceof Error) throw step;
      yield step as WatchEvent<T>;
    }
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
  }
}
