import type { Cluster, ListOptions, ObjectList, WatchEvent, WatchOptions } from '../../../src/kube/cluster.ts';
import { type KubeObject, keyOf, type ObjectRef, type Resource } from '../../../src/kube/objects.ts';
import { hang, MemoryCluster } from './memory-cluster.ts';

/** Objects in memory that can be followed, too, each by its name; it notes what was asked for, as `patch guests`. */
export class WatchedCluster implements Pick<Cluster, 'get' | 'create' | 'mergePatch' | 'list' | 'watch'> {
  readonly memory = new MemoryCluster();
  readonly asked = new Set<string>();
  readonly #watchers = new Set<(object: KubeObject) => void>();

  async get<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef): Promise<T> {
    this.asked.add(`get ${resource.plural}`);
    return await this.memory.get(resource, ref);
  }

  async create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    this.asked.add(`create ${resource.plural}`);
    return await this.memory.create(resource, object);
  }

  async mergePatch<T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, patch: object): Promise<T> {
    this.asked.add(`patch ${resource.plural}`);
    const patched = await this.memory.mergePatch(resource, ref, patch);
    this.#tell(patched);
    return patched;
  }

  async list<T extends KubeObject>(resource: Resource<T>, { fieldSelector }: ListOptions): Promise<ObjectList<T>> {
    this.asked.add(`list ${resource.plural}`);
    const items = [...this.memory.objects.values()].filter(
      (each) => each.kind === resource.kind && (fieldSelector ?? selectorOf(each)) === selectorOf(each),
    );
    return { items: items as T[], resourceVersion: '1' };
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    { fieldSelector, signal }: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    this.asked.add(`watch ${resource.plural}`);
    const changes: KubeObject[] = [];
    let wake = () => {};
    const watcher = (object: KubeObject) => {
      changes.push(object);
      wake();
    };
    this.#watchers.add(watcher);
    try {
      for (;;) {
        const object = changes.shift();
        if (!object) {
          await Promise.race([new Promise<void>((resolve) => (wake = resolve)), hang(signal)]);
        } else if (fieldSelector === selectorOf(object)) yield { type: 'MODIFIED', object: object as T };
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** What somebody else writes into an object's status. */
  changeStatus(ref: ObjectRef, status: object): void {
    const object = this.memory.objects.get(keyOf(ref)) as KubeObject;
    const changed = { ...object, status } as KubeObject;
    this.memory.objects.set(keyOf(ref), changed);
    this.#tell(changed);
  }

  #tell(object: KubeObject): void {
    for (const watcher of this.#watchers) watcher(object);
  }
}

function selectorOf({ metadata }: KubeObject): string {
  return `metadata.name=${metadata.name}`;
}
