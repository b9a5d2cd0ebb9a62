import { type GuestTask, type PasswordRotation, passwordRotations } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import type { Secret } from '../kube/core-resources.ts';
import { ApiError, isConflict, isNotFound, isPassing } from '../kube/errors.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { ObjectMemory } from '../kube/object-memory.ts';
import type { ObjectKey } from '../kube/objects.ts';
import { PayloadTooLargeError, SealingKeyUnusableError } from '../sealing/errors.ts';
import type { SealedPayload } from '../sealing/payload.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import type { Fleet } from './fleet.ts';
import { OwnedTasks } from './owned-tasks.ts';
import { PacedStatus } from './paced-status.ts';
import type { PasswordCraft } from './password/craft.ts';
import { PasswordUnhashableError, YescryptUnavailableError } from './password/errors.ts';
import type { Step } from './rotation-course.ts';
import { NoSealingKeyError, RotationHands, SecretConflictError } from './rotation-hands.ts';
import { RotationNews, type RotationNewsOptions } from './rotation-news.ts';
import type { Problem } from './rotation-observed.ts';
import { planRotation, type RotationPlan } from './rotation-plan.ts';
import { refusalOf } from './rotation-refusal.ts';
import { type AccountSecret, secretName } from './rotation-secret.ts';
import { isTargeted } from './target.ts';
import { WrittenSecrets } from './written-secrets.ts';

export interface RotationControllerOptions {
  cluster: Cluster;
  rotations: { get(key: ObjectKey): PasswordRotation | undefined };
  fleet: Pick<Fleet, 'tasksOf' | 'guestsIn' | 'hostExists' | 'sealingKeyOf' | 'libvirtProblemOf'>;
  /** What the cache shows of the Secrets with a rotation's label. */
  secretsOf(rotation: PasswordRotation): Secret[];
  events: Pick<EventRecorder, 'record'>;
  clock: Clock;
  random: Random;
  craft: PasswordCraft;
  seal(task: GuestTask, payload: SealedPayload, key: SealingKey): Promise<GuestTask>;
  onAttemptEnded: RotationNewsOptions['onAttemptEnded'];
}

/** More would keep the leader's Lease and everybody else's requests waiting. */
const stepsAtOnce = 50;
/** A Secret that could not be written is tried again after this, and again. */
const hindranceMs = 30_000;
/** The cache was behind: soon it isn't. While it stays behind, each wait is twice the one before. */
const conflictMs = 50;
const longestConflictMs = 5000;

/** What this process knows of a rotation that the API server can't tell yet. */
class RotationMemory {
  readonly tasks: OwnedTasks;
  readonly status: PacedStatus<PasswordRotation>;
  readonly written: WrittenSecrets;
  readonly news: RotationNews;
  /** By a Secret's name; `until` on the monotonic clock. */
  readonly hindrances = new Map<string, Problem & { until: number }>();
  readonly edited = new Set<string>();
  /** The rounds one after another in which something was not as the cache showed it. */
  conflicts = 0;

  constructor({ cluster, clock, fleet, events, onAttemptEnded }: RotationControllerOptions) {
    this.tasks = new OwnedTasks({ cluster, owners: passwordRotations, clock, cached: fleet.tasksOf });
    this.status = new PacedStatus({ cluster, clock, resource: passwordRotations });
    this.written = new WrittenSecrets(clock);
    this.news = new RotationNews({ events, onAttemptEnded, since: clock.now() });
  }
}

/** Rotates passwords, and tells in the rotation's status how each guest stands. */
export class RotationController {
  readonly #options: RotationControllerOptions;
  readonly #hands: RotationHands;
  readonly #memory: ObjectMemory<RotationMemory>;

  constructor(options: RotationControllerOptions) {
    this.#options = options;
    this.#hands = new RotationHands({ ...options, sealingKeyOf: options.fleet.sealingKeyOf });
    this.#memory = new ObjectMemory(() => new RotationMemory(options));
  }

  async reconcile(key: ObjectKey, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
    const { rotations } = this.#options;
    const rotation = rotations.get(key);
    if (!rotation || rotation.metadata.deletionTimestamp) {
      this.#memory.forget(key);
      return {};
    }
    const memory = this.#memory.of(key, rotation);
    const begunAt = this.#options.clock.monotonic();
    const plan = await this.#plan(rotation, memory, begunAt);
    for (const name of plan.unhindered) memory.hindrances.delete(name);
    const { isBehind, isOtherwise, failures } = await this.#carryOut(rotation, memory, plan, signal);
    memory.conflicts = isBehind ? memory.conflicts + 1 : 0;
    const after = isOtherwise ? await this.#plan(rotation, memory, begunAt) : plan;
    const againMs = againMsOf(plan, memory) ?? (isOtherwise && after.steps.length > 0 ? 1 : undefined);
    memory.news.tell(rotation, after.courses);
    // The rest first: a status now would count it as waiting.
    const isTooEarly = againMs !== undefined && plan.steps.length > stepsAtOnce;
    if (isTooEarly && failures.length === 0) return { requeueAfterMs: againMs };
    const { dueMs } = await memory.status.write(rotation, after.status, false, signal);
    // Not before: what fails in one guest must not keep the others' state from being seen.
    if (failures.length > 0) throw failures[0];
    const waits = [againMs, dueMs, after.lookAgainMs, this.#hindranceEndsMs(memory, begunAt)];
    const next = Math.min(...waits.filter((ms) => ms !== undefined));
    return Number.isFinite(next) ? { requeueAfterMs: next } : {};
  }

  /** Somebody else changed the password in a Secret: it is compared with the guest soon. */
  edited(key: ObjectKey, secret: string): void {
    const rotation = this.#options.rotations.get(key);
    if (rotation) this.#memory.of(key, rotation).edited.add(secret);
  }

  /** The rotation is gone. */
  forget(key: ObjectKey): void {
    this.#memory.forget(key);
  }

  /** `begunAt`, on the monotonic clock: hindrances whose wait is over by then are tried again. */
  async #plan(rotation: PasswordRotation, memory: RotationMemory, begunAt: number): Promise<RotationPlan> {
    const { fleet, secretsOf, clock } = this.#options;
    return planRotation({
      rotation,
      guests: fleet
        .guestsIn(rotation.metadata.namespace ?? '')
        .filter((guest) => isTargeted(guest, rotation.spec.target)),
      tasks: memory.tasks.of(rotation),
      secrets: memory.written.over(secretsOf(rotation)),
      hindrances: new Map(
        [...memory.hindrances].map(([name, { reason, message, until }]) => [
          name,
          { reason, message, isRetried: until <= begunAt },
        ]),
      ),
      edited: memory.edited,
      problem: await this.#hashProblem(rotation),
      sealingKeyOf: fleet.sealingKeyOf,
      libvirtProblemOf: fleet.libvirtProblemOf,
      hostExists: fleet.hostExists,
      now: clock.now(),
    });
  }

  async #hashProblem({ spec }: PasswordRotation): Promise<Problem | undefined> {
    if (spec.hash !== 'yescrypt') return undefined;
    try {
      await this.#options.craft.setting(spec.hash);
      return undefined;
    } catch (error) {
      if (!(error instanceof YescryptUnavailableError)) throw error;
      return { reason: error.code, message: error.message };
    }
  }

  /** What could not be done for one Secret becomes a hindrance of it. */
  async #carryOut(
    rotation: PasswordRotation,
    memory: RotationMemory,
    plan: RotationPlan,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const hands = this.#hands;
    const place = { rotation, tasks: memory.tasks, written: memory.written };
    const carryOut = async (step: Step) => {
      const looksAt = step.do === 'attempt' && step.action === 'verifyPassword' ? nameOf(step.account) : '';
      // Before the look is made: what is edited meanwhile it may not compare.
      const wasEdited = memory.edited.delete(looksAt);
      try {
        await hands.carryOut(place, step, signal);
      } catch (error) {
        if (wasEdited) memory.edited.add(looksAt);
        throw error;
      }
      memory.news.done(rotation, step);
    };
    const work: { secret?: string; run(): Promise<unknown> }[] = [
      ...plan.steps
        .slice(0, stepsAtOnce)
        .map((step) => ({ secret: secretName(rotation, step.guest.metadata.name), run: () => carryOut(step) })),
      ...plan.reseal.map((each) => ({ secret: nameOf(each.account), run: () => hands.reseal(each, signal) })),
      ...plan.patch.map(({ account, patch }) => ({
        secret: nameOf(account),
        run: () => hands.patch(place, account, patch, signal),
      })),
      ...plan.giveUp.map((each) => ({ run: () => memory.tasks.giveUp(each, signal) })),
      ...plan.drop.slice(0, stepsAtOnce).map((task) => ({ run: () => hands.drop(task, signal) })),
    ];
    const ends = await Promise.allSettled(work.map(({ run }) => run()));
    const outcome: Outcome = { isBehind: false, isOtherwise: false, failures: [] };
    const before = new Map(memory.hindrances);
    for (const [index, { status }] of ends.entries()) {
      if (status === 'fulfilled') memory.hindrances.delete(work[index]?.secret ?? '');
    }
    for (const [index, end] of ends.entries()) {
      if (end.status === 'fulfilled') continue;
      signal.throwIfAborted();
      const error: unknown = end.reason;
      const secret = work[index]?.secret;
      const problem = secret === undefined ? undefined : hindranceOf(error);
      if (isConflict(error) || isNotFound(error)) outcome.isBehind = true;
      else if (secret === undefined || !problem) outcome.failures.push(error);
      else memory.hindrances.set(secret, { ...problem, until: this.#hindranceEnd() });
    }
    outcome.isOtherwise = !sayTheSame(before, memory.hindrances);
    return outcome;
  }

  #hindranceEnd(): number {
    return this.#options.clock.monotonic() + hindranceMs;
  }

  /** Those that were over when it began are tried again when something else lets them. */
  #hindranceEndsMs({ hindrances }: RotationMemory, begunAt: number): number | undefined {
    const ends = [...hindrances.values()].map(({ until }) => until).filter((until) => until > begunAt);
    if (ends.length === 0) return undefined;
    return Math.max(0, ends.reduce((a, b) => Math.min(a, b)) - this.#options.clock.monotonic());
  }
}

/** What became of a plan. */
interface Outcome {
  /** Something was not as the cache showed it, and another look will tell. */
  isBehind: boolean;
  /** What hinders Secrets is not what it was when the plan was made. */
  isOtherwise: boolean;
  /** What can't be put down to one Secret. */
  failures: unknown[];
}

function sayTheSame(before: ReadonlyMap<string, Problem>, after: ReadonlyMap<string, Problem>): boolean {
  const isSame = ([name, { reason, message }]: [string, Problem]) =>
    after.get(name)?.reason === reason && after.get(name)?.message === message;
  return before.size === after.size && [...before].every(isSame);
}

/** In how many milliseconds what is left of a plan is gone on with; undefined where all is done. */
function againMsOf({ steps, drop }: RotationPlan, { conflicts }: RotationMemory): number | undefined {
  if (conflicts > 0) return Math.min(longestConflictMs, conflictMs * 2 ** (conflicts - 1));
  if (steps.length > stepsAtOnce) return 1;
  return drop.length > stepsAtOnce ? conflictMs : undefined;
}

function nameOf({ object }: AccountSecret): string {
  return object.metadata.name;
}

/**
 * Why something could not be done for one Secret, which must not hold up the others; undefined where the failure is not
 * of that Secret alone. What a server says of a Secret stays out of statuses and logs.
 */
function hindranceOf(error: unknown): Problem | undefined {
  if (error instanceof SecretConflictError) {
    const message = `${error.message} and is left alone: rename or delete it`;
    return { reason: error.code, message };
  }
  if (error instanceof YescryptUnavailableError) {
    const message = `its password was hashed with yescrypt, and is until it is rotated: ${error.message}`;
    return { reason: error.code, message };
  }
  if (
    error instanceof PasswordUnhashableError ||
    error instanceof PayloadTooLargeError ||
    error instanceof NoSealingKeyError ||
    error instanceof SealingKeyUnusableError
  )
    return { reason: error.code, message: error.message };
  // What ails the API server as a whole is for the work queue to wait out; a webhook that fails makes it a 500.
  if (!(error instanceof ApiError) || (isPassing(error) && error.reason !== 'InternalError')) return undefined;
  return { reason: 'SecretNotWritten', message: refusalOf(error) };
}
