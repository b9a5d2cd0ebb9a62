import { apiVersion, type Guest, type GuestTask, guestHosts, guests, guestTasks } from '../../../src/api/resources.ts';
import type { FreezeResult } from '../../../src/api/schema/freeze.ts';
import type { GuestTaskStatus } from '../../../src/api/schema/guest-task.ts';
import { isOverPhase, isTaskOver } from '../../../src/api/tasks.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { leases } from '../../../src/kube/core-resources.ts';
import { isConflict, isNotFound } from '../../../src/kube/errors.ts';
import { Informer } from '../../../src/kube/informer.ts';
import { keyOf } from '../../../src/kube/objects.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { systemClock as clock, microTimestamp, timestamp } from '../../../src/seams/clock.ts';
import { systemRandom } from '../../../src/seams/random.ts';

/** How one simulated guest behaves; all of it may be changed while the test runs. */
export interface GuestBehaviour {
  /** How long hooks and the like take. */
  prepareMs?: number;
  /** It fails while it is prepared: the reason and the message. */
  failsToPrepare?: [reason: string, message: string];
  /** Its agent takes no task: the reason it gives meanwhile. */
  busy?: [reason: string, message: string];
  /** How much later than the named instant it freezes. */
  lateMs?: number;
  /** Somebody else thaws it so long after the freeze. */
  stolenAfterMs?: number;
  /** Its host says nothing further once it is frozen. */
  silentOnceHeld?: boolean;
}

/**
 * A SIMULATED agent of one host: it plays the phases of freeze tasks on guests that don't exist, as a real agent would
 * tell them. What it tells of filesystems is invented.
 */
export class SimulatedFreezeAgent {
  readonly node: string;
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #stop = new AbortController();
  readonly #tasks: Informer<GuestTask>;
  readonly #playing = new Map<string, Promise<void>>();
  readonly #behaviour = new Map<string, GuestBehaviour>();
  readonly #running: Promise<void>;

  constructor(cluster: Cluster, namespace: string, node: string) {
    this.#cluster = cluster;
    this.#namespace = namespace;
    this.node = node;
    this.#tasks = new Informer({
      cluster,
      resource: guestTasks,
      selection: { fieldSelector: `spec.nodeName=${node}` },
      clock,
      random: systemRandom,
      logger: silentLogger,
    });
    this.#tasks.onChange((key, _, after) => {
      if (!after || isTaskOver(after) || this.#playing.has(key)) return;
      const played = this.#play(after).catch((error: unknown) => {
        if (!this.#stop.signal.aborted && !isNotFound(error)) throw error;
      });
      this.#playing.set(key, played);
    });
    this.#running = this.#tasks.run(this.#stop.signal);
  }

  /** Shows its GuestHost, with a Lease that lasts longer than any test. */
  async begin(): Promise<void> {
    const lease = { namespace: this.#namespace, name: `host-${this.node}` };
    await this.#cluster.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...lease, labels: { 'qga.dev/host': this.node } },
      spec: { holderIdentity: 'simulated', leaseDurationSeconds: 3600, renewTime: microTimestamp(clock.now()) },
    });
    const host = await this.#cluster.create(guestHosts, {
      apiVersion,
      kind: 'GuestHost',
      metadata: { name: this.node },
    });
    await this.#cluster.replaceStatus(guestHosts, { ...host, status: { lease } });
    await this.#tasks.synced;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#playing.values());
    await this.declareGone().catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }

  /** As a person does by deleting the GuestHost. */
  async declareGone(): Promise<void> {
    await this.#cluster.delete(guestHosts, { name: this.node });
  }

  /** Makes a Guest that runs here. */
  async addGuest(
    name: string,
    labels: Record<string, string>,
    behaviour: GuestBehaviour & { off?: boolean } = {},
  ): Promise<void> {
    this.#behaviour.set(name, behaviour);
    const on = behaviour.off !== true;
    const said = { reason: 'Simulated', message: `simulated ${name}`, lastTransitionTime: timestamp(clock.now()) };
    const metadata = { name, namespace: this.#namespace, labels };
    const guest: Guest = await this.#cluster.create(guests, { apiVersion, kind: 'Guest', metadata });
    await this.#cluster.replaceStatus(guests, {
      ...guest,
      status: {
        node: this.node,
        domain: { uuid: systemRandom.uuid(), name, state: on ? 'running' : 'shutoff', persistent: true },
        conditions: [
          { type: 'Running', status: on ? 'True' : 'False', ...said },
          { type: 'AgentConnected', status: on ? 'True' : 'False', ...said },
        ],
      },
    });
  }

  behave(name: string, behaviour: GuestBehaviour): void {
    this.#behaviour.set(name, { ...this.#behaviour.get(name), ...behaviour });
  }

  async #play(task: GuestTask): Promise<void> {
    const key = keyOf(task);
    const behaviour = () => this.#behaviour.get(task.spec.guestName) ?? {};
    const latest = () => this.#tasks.cache.get(key);
    const letGo = () => latest() === undefined || latest()?.spec.release === true;
    for (let told = false; behaviour().busy; told = true) {
      const [reason, message] = behaviour().busy ?? [];
      if (!told) await this.#tell(task, { phase: 'Pending', ...(reason && { reason }), ...(message && { message }) });
      await this.#pause(50);
      if (isOverPhase(latest()?.status?.phase)) return;
    }
    const claim = { node: this.node, instance: 'simulated', journal: 'simulated', time: timestamp(clock.now()) };
    await this.#tell(task, { phase: 'Running', reason: 'Preparing', claim, startTime: timestamp(clock.now()) });
    await this.#until(() => letGo(), behaviour().prepareMs ?? 0);
    const fault = behaviour().failsToPrepare;
    if (fault) return await this.#finish(task, 'Failed', fault[0], fault[1], { endedBy: 'FreezeFailed' });
    const evidence: FreezeResult = { preparedAt: microTimestamp(clock.now()), filesystems: { expected: 2 } };
    if (task.spec.action.freeze?.barrier) {
      await this.#tell(task, { phase: 'Running', reason: 'Prepared', freeze: evidence });
      await this.#until(() => letGo() || latest()?.spec.freezeAt !== undefined);
      const { freezeAt } = latest()?.spec ?? {};
      const waitMs = freezeAt === undefined ? 0 : Date.parse(freezeAt) - clock.now();
      await this.#until(letGo, Math.max(0, waitMs) + (behaviour().lateMs ?? 0));
    }
    if (letGo())
      return await this.#finish(task, 'Failed', 'Released', 'let go', {
        ...evidence,
        verdict: 'Skipped',
        endedBy: 'Release',
      });
    await this.#hold(task, evidence, letGo, behaviour);
  }

  async #hold(
    task: GuestTask,
    evidence: FreezeResult,
    letGo: () => boolean,
    behaviour: () => GuestBehaviour,
  ): Promise<void> {
    const frozenAt = clock.now();
    const untilMs = frozenAt + (task.spec.action.freeze?.maxFrozenSeconds ?? 30) * 1000;
    const frozen: FreezeResult = {
      ...evidence,
      frozenAt: microTimestamp(frozenAt),
      until: timestamp(Math.ceil(untilMs / 1000) * 1000),
      filesystems: { expected: 2, frozen: 2 },
    };
    await this.#tell(task, { phase: 'Held', reason: 'Frozen', freeze: frozen });
    if (behaviour().silentOnceHeld) return;
    const stolen = () => clock.now() - frozenAt >= (behaviour().stolenAfterMs ?? Number.POSITIVE_INFINITY);
    await this.#until(() => letGo() || stolen(), Math.max(0, untilMs - clock.now()));
    const thawed = { ...frozen, thawedAt: microTimestamp(clock.now()) };
    if (stolen()) {
      const result: FreezeResult = {
        ...thawed,
        filesystems: { expected: 2, frozen: 2, thawed: 0 },
        verdict: 'ConsistencyLost',
        endedBy: 'Somebody',
      };
      return await this.#finish(
        task,
        'Failed',
        'ConsistencyLost',
        'the guest was thawed by somebody else before its time',
        result,
      );
    }
    const endedBy = letGo() ? (this.#tasks.cache.get(keyOf(task)) ? 'Release' : 'Deletion') : 'Deadline';
    await this.#finish(task, 'Succeeded', 'Completed', '', {
      ...thawed,
      filesystems: { expected: 2, frozen: 2, thawed: 2 },
      verdict: 'Consistent',
      endedBy,
    });
  }

  async #finish(
    task: GuestTask,
    phase: 'Succeeded' | 'Failed',
    reason: string,
    message: string,
    freeze: FreezeResult,
  ): Promise<void> {
    await this.#tell(task, { phase, reason, message, freeze, completionTime: timestamp(clock.now()) });
  }

  /** Writes into the task's status whatever version it is at; a task that is over or gone stays as it is. */
  async #tell(task: GuestTask, status: GuestTaskStatus): Promise<void> {
    for (;;) {
      const fresh = await this.#cluster.get(guestTasks, task.metadata);
      if (isTaskOver(fresh)) return;
      try {
        await this.#cluster.replaceStatus(guestTasks, { ...fresh, status: { ...fresh.status, ...status } });
        return;
      } catch (error) {
        if (!isConflict(error)) throw error;
      }
    }
  }

  /** Resolves when it is so, or after a while. */
  async #until(isSo: () => boolean, ms = Number.POSITIVE_INFINITY): Promise<void> {
    const end = clock.now() + ms;
    while (!isSo() && clock.now() < end) await this.#pause(Math.min(5, Math.max(0, end - clock.now())));
  }

  async #pause(ms: number): Promise<void> {
    await clock.sleep(ms, this.#stop.signal);
  }
}
