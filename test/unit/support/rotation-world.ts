import {
  type Guest,
  type GuestTask,
  type PasswordRotation,
  passwordRotationLabel,
} from '../../../src/api/resources.ts';
import type { CallOptions, Cluster, DeleteOptions } from '../../../src/kube/cluster.ts';
import type { Secret } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/kube/objects.ts';
import { RotationController } from '../../../src/manager/rotation-controller.ts';
import type { SealedPayload } from '../../../src/sealing/payload.ts';
import { type Clock, timestamp } from '../../../src/seams/clock.ts';
import { merged } from './merge-patch.ts';

/** Time that moves by the test's steps alone; nobody in this world sleeps. */
export class SteppedClock implements Pick<Clock, 'now' | 'monotonic'> {
  #elapsed = 0;

  now(): number {
    return Date.parse('2026-01-01T12:00:00Z') + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  advance(ms: number): void {
    this.#elapsed += ms;
  }
}

/** What becomes of one request: it is answered or refused, it is lost on its way, or its answer is. */
export type RequestFault = 'none' | 'refused' | 'unavailable' | 'lost' | 'answerLost';

/** What becomes of a task: how far its agent comes, or that none takes it. */
export type Act = 'claim' | 'set' | 'setAndDie' | 'fail' | 'refuse' | 'loseOutcome' | 'undelivered';

function clearOf(payload: SealedPayload): string {
  return payload.kind === 'password' ? payload.password : '';
}

const unseen = { verified: 'Unknown' as const };

/**
 * A simulated world around the real RotationController, for fault search only: an API server in memory whose caches lag
 * behind, one guest with one account, and an agent that may die at any point. A hash is the setting and the password, so
 * that the world can look into it.
 */
export class RotationWorld {
  readonly objects = new Map<string, KubeObject>();
  /** What the manager's caches show. */
  readonly #cached = new Map<string, KubeObject>();
  readonly guest: Guest;
  /** The password that the account has; undefined: none yet. */
  live: string | undefined;
  rotation: PasswordRotation;
  faultOf: (request: string) => RequestFault = () => 'none';
  /** Guests beside the one. */
  others: Guest[] = [];
  /** What goes wrong where a password is hashed, or a task for a guest sealed. */
  hashError: Error | undefined;
  sealErrorOf: (guest: string) => Error | undefined = () => undefined;
  /** The id of the key that the guest's host has published. */
  sealingKeyId = 'k';
  /** Called whenever a Secret or the guest has changed. */
  onEffect: (what: string) => void = () => {};
  /** The events that were told, by their reasons. */
  readonly events: string[] = [];
  /** What was asked of the API server. */
  readonly requests: string[] = [];
  readonly #clock: SteppedClock;
  readonly #next: () => number;
  #version = 0;
  #values = 0;
  #controller: RotationController;

  constructor(options: { rotation: PasswordRotation; guest: Guest; clock: SteppedClock; next: () => number }) {
    this.rotation = options.rotation;
    this.guest = options.guest;
    this.#clock = options.clock;
    this.#next = options.next;
    this.#controller = this.#newController();
  }

  /** One look of the manager's; what goes wrong with it is tried again, as its work queue does. */
  async reconcile(): Promise<{ requeueAfterMs?: number }> {
    try {
      return await this.#controller.reconcile('team-a/app-password', new AbortController().signal);
    } catch (error) {
      if (error instanceof ApiError) return { requeueAfterMs: 5 };
      throw error;
    }
  }

  /** Somebody else changes the password in the Secret, as the Secrets' informer tells. */
  edited(): void {
    this.#controller.edited('team-a/app-password', 'web-1-app');
  }

  /** The manager dies, and what it knew with it; the next one begins with full caches. */
  restartManager(): void {
    this.#controller = this.#newController();
    this.syncAll();
  }

  /** The caches see some of what is new, or all of it. */
  sync(): void {
    for (const key of new Set([...this.objects.keys(), ...this.#cached.keys()])) {
      if (this.#next() < 0.5) this.#syncOne(key);
    }
  }

  syncAll(): void {
    for (const key of new Set([...this.objects.keys(), ...this.#cached.keys()])) this.#syncOne(key);
  }

  secret(): Secret | undefined {
    return this.objects.get('secrets/web-1-app');
  }

  /** The Secret's passwords, clear, by key. */
  passwords(): Record<string, string> {
    const entries = Object.entries(this.secret()?.data ?? {}).filter(([key]) => key.includes('password'));
    return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
  }

  openTasks(): GuestTask[] {
    return [...this.objects.entries()]
      .filter(([key, object]) => key.startsWith('guesttasks/') && !(object as GuestTask).status?.completionTime)
      .map(([, object]) => object as GuestTask);
  }

  /** The agent carries a task out, as far as it comes. */
  act(task: GuestTask, how: Act): void {
    const { action, sealed } = task.spec;
    const payload = JSON.parse(sealed?.ciphertext ?? '{}') as SealedPayload;
    const password =
      payload.kind === 'passwordHash' ? (payload.passwordHash.split('$').at(-1) as string) : clearOf(payload);
    const claim = { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(this.#clock.now()) };
    if ((how === 'set' || how === 'setAndDie' || how === 'loseOutcome') && action.setPassword) {
      this.live = password;
      this.onEffect(`${task.metadata.name} sets ${password}`);
    }
    if (how === 'claim' || how === 'setAndDie') return this.putStatus(task, { phase: 'Claimed', claim });
    const completionTime = timestamp(this.#clock.now());
    const ended = { claim, completionTime };
    const verified = this.live === password ? ('True' as const) : ('False' as const);
    if (how === 'loseOutcome') this.putStatus(task, { ...ended, phase: 'Unknown', reason: 'JournalLost' });
    else if (how === 'fail')
      this.putStatus(task, { ...ended, phase: 'Failed', reason: 'NotVerified', message: 'no', password: { verified } });
    else if (how === 'refuse')
      this.putStatus(task, { ...ended, phase: 'Failed', reason: 'PasswordRefused', message: 'no', password: unseen });
    else if (how === 'undelivered') {
      if (!task.status?.claim) this.putStatus(task, { completionTime, phase: 'Failed', reason: 'Undeliverable' });
    } else this.putStatus(task, { ...ended, phase: 'Succeeded', reason: 'Done', password: { verified } });
  }

  put(key: string, object: KubeObject): KubeObject {
    this.#version += 1;
    const { metadata } = object;
    const stored = {
      ...object,
      metadata: {
        ...metadata,
        uid: metadata.uid ?? `uid-${this.#version}`,
        creationTimestamp: metadata.creationTimestamp ?? timestamp(this.#clock.now()),
        resourceVersion: String(this.#version),
      },
    };
    this.objects.set(key, stored);
    if (key.startsWith('secrets/')) this.onEffect(`${key} is written`);
    return stored;
  }

  putStatus(task: GuestTask, status: GuestTask['status'] & object): void {
    const key = `guesttasks/${task.metadata.name}`;
    const now = this.objects.get(key) as GuestTask | undefined;
    if (now) this.put(key, { ...now, status } as KubeObject);
  }

  #syncOne(key: string): void {
    const object = this.objects.get(key);
    if (object) this.#cached.set(key, object);
    else this.#cached.delete(key);
  }

  #cachedOf<T>(prefix: string): T[] {
    return [...this.#cached.entries()].filter(([key]) => key.startsWith(prefix)).map(([, object]) => object as T);
  }

  #newController(): RotationController {
    return new RotationController({
      cluster: this.#cluster(),
      rotations: { get: () => this.rotation },
      fleet: {
        tasksOf: () => this.#cachedOf<GuestTask>('guesttasks/'),
        guestsIn: () => [this.guest, ...this.others],
        libvirtProblemOf: () => undefined,
        hostExists: () => true,
        sealingKeyOf: () => ({ id: this.sealingKeyId, algorithm: 'a', publicKey: 'p' }),
      },
      // The informer selects by this label.
      secretsOf: () =>
        this.#cachedOf<Secret>('secrets/').filter(({ metadata }) => metadata.labels?.[passwordRotationLabel]),
      events: { record: (_, { reason }) => void this.events.push(reason) },
      clock: this.#clock as unknown as Clock,
      random: { next: this.#next, uuid: () => `id-${this.#next()}` },
      craft: {
        generate: ({ length }) => `aA${(this.#values += 1)}`.padEnd(length, 'x'),
        setting: async () => '$6$salt',
        hash: async (password, setting) => {
          if (this.hashError) throw this.hashError;
          return `${setting}$${password}`;
        },
      },
      seal: async (task, payload, { id }) => {
        const error = this.sealErrorOf(task.spec.guestName);
        if (error) throw error;
        const sealed = { version: 'v1' as const, keyId: id, enc: '', ciphertext: JSON.stringify(payload) };
        return { ...task, spec: { ...task.spec, sealed } };
      },
      onAttemptEnded: () => {},
    });
  }

  #cluster(): Cluster {
    const keyOf = <T extends KubeObject>({ plural }: Resource<T>, { name }: ObjectRef) => `${plural}/${name}`;
    const request = async <T>(what: string, effect: () => T): Promise<T> => {
      this.requests.push(what);
      const fault = this.faultOf(what);
      if (fault === 'refused') throw new ApiError(403, 'Forbidden', 'it says canary');
      if (fault === 'unavailable') throw new ApiError(503, 'ServiceUnavailable', 'too busy');
      if (fault === 'lost') throw new ApiError(0, 'Unreachable', 'lost');
      const answer = effect();
      if (fault === 'answerLost') throw new ApiError(0, 'ConnectionLost', 'its answer is lost');
      return answer;
    };
    const existing = (key: string) => {
      const object = this.objects.get(key);
      if (!object) throw new ApiError(404, 'NotFound', 'not found');
      return object;
    };
    const cluster = {
      get: <T extends KubeObject>(resource: Resource<T>, ref: ObjectRef) =>
        request('get', () =>
          resource.plural === 'passwordrotations'
            ? (this.rotation as KubeObject as T)
            : (existing(keyOf(resource, ref)) as T),
        ),
      create: <T extends KubeObject>(resource: Resource<T>, object: T) =>
        request(`create ${resource.plural}`, () => {
          const key = keyOf(resource, object.metadata);
          if (this.objects.has(key)) throw new ApiError(409, 'AlreadyExists', 'it exists');
          return this.put(key, object) as T;
        }),
      mergePatch: <T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, patch: KubeObject) =>
        request(`patch ${resource.plural}`, () => {
          const key = keyOf(resource, ref);
          const before = existing(key);
          const version = patch.metadata?.resourceVersion;
          if (version !== undefined && version !== before.metadata.resourceVersion) {
            throw new ApiError(409, 'Conflict', 'it was changed');
          }
          return this.put(key, merged(before, patch) as KubeObject) as T;
        }),
      replaceStatus: <T extends KubeObject>(resource: Resource<T>, object: T, _options?: CallOptions) =>
        request(`status ${resource.plural}`, () => {
          const { status } = object as { status?: PasswordRotation['status'] };
          if (resource.kind === 'PasswordRotation') this.rotation = { ...this.rotation, ...(status && { status }) };
          else this.put(keyOf(resource, object.metadata), object);
          return object;
        }),
      delete: <T extends KubeObject>(resource: Resource<T>, ref: ObjectRef, _options?: DeleteOptions) =>
        request(`delete ${resource.plural}`, () => {
          existing(keyOf(resource, ref));
          this.objects.delete(keyOf(resource, ref));
        }),
    };
    return cluster as unknown as Cluster;
  }
}
