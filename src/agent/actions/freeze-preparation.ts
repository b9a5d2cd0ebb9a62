import type { FreezeAction, FreezeResult } from '../../api/schema/freeze.ts';
import { expectedFilesystems } from '../../guest/expected-filesystems.ts';
import { failureReason } from '../../guest/failure-reason.ts';
import { FreezeGuard, guardGraceMs } from '../../guest/freeze-guard.ts';
import { callPriority } from '../../guest/guest-agent.ts';
import { uidOf } from '../../kube/objects.ts';
import { guestFsfreezeStatus, guestGetFsinfo } from '../../qga/commands.ts';
import { AgentError } from '../../qga/errors.ts';
import { microTimestamp } from '../../seams/clock.ts';
import type { Preparation } from '../freeze-note.ts';
import { youngMs } from '../live-guest.ts';
import type { ActionRun } from './action.ts';
import { failureOf, runHooks } from './freeze-hooks.ts';

export type Freeze = FreezeAction & { maxFrozenSeconds: number };

/** As the API server fills it in. */
const defaultMaxFrozenSeconds = 30;

/** What a task asks to be frozen. */
export function freezeOf({ spec }: ActionRun['task']): Freeze {
  if (!spec.action.freeze) throw new TypeError('the task has no freeze');
  const { maxFrozenSeconds = defaultMaxFrozenSeconds, ...freeze } = spec.action.freeze;
  return { ...freeze, maxFrozenSeconds };
}

/** Nothing is frozen, for this reason. */
export class NotPrepared extends Error {
  override readonly name = 'NotPrepared';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

const retryMs = 1000;
const youngPollMs = 50;
const disarmTries = 3;
/** A guard that waits for the instant of a group's freeze: it is armed anew when that is known. */
const longestBarrierMs = 15 * 60_000;

/**
 * Makes a guest ready to be frozen at once: its agent answers, what is to be frozen is there, the hooks are done, short
 * work has ended and the guard is armed. Fills `result` in as it goes. Throws NotPrepared, or the signal's reason.
 */
export async function prepareFreeze(
  run: ActionRun,
  freeze: Freeze,
  result: FreezeResult,
  signal: AbortSignal,
): Promise<void> {
  const { guest, sentBefore, clock, stopped } = run;
  await expectThawed(run, signal);
  await expectStaying(run, signal);
  if (guest.bootId !== undefined) result.bootId = guest.bootId;
  await countFilesystems(run, freeze, result, signal);
  const before = { when: 'before' as const, hooks: freeze.hooks?.before ?? [] };
  if (before.hooks.length > 0) {
    run.show({ phase: 'Running', reason: 'Preparing', message: 'the hooks before the freeze are run' });
    // From now on those after it are due, whoever lives to run them.
    await run.note(preparationOf(freeze));
    result.hooks = [];
    const setting = { guest, uid: uidOf(run.task), sentBefore, clock, stopped, withdrawn: signal };
    result.hooks = await runHooks(before, setting);
    const failed = failureOf(before, result.hooks);
    if (failed) throw new NotPrepared('HookFailed', `hook ${failed.name}: ${failed.message}`);
    // They may have mounted something, or unmounted it.
    await countFilesystems(run, freeze, result, signal);
  }
  await untilShortWorkEnded(run, signal);
  await armGuard(run, freeze, result, freeze.barrier ? longestBarrierMs : 0);
  signal.throwIfAborted();
  result.preparedAt = microTimestamp(clock.now());
}

/** What the journal keeps of a freeze whose hooks may have begun. */
export function preparationOf({ hooks }: Freeze): Preparation {
  return { stage: 'preparing', ...(hooks?.after && { after: hooks.after }) };
}

/**
 * Arms the guard to fire a grace after the longest time that a freeze `inMs` from now may last. Whoever lets go meanwhile
 * waits for it: a guard can be disarmed only once it is armed. Until it is known better it counts as armed.
 */
export async function armGuard(
  run: ActionRun,
  { maxFrozenSeconds, mountpoints }: Freeze,
  result: FreezeResult,
  inMs: number,
): Promise<void> {
  const guard = new FreezeGuard(run.guest.agent, uidOf(run.task), run.clock);
  const firesInMs = inMs + maxFrozenSeconds * 1000 + guardGraceMs;
  result.guard = 'Armed';
  try {
    if (!(await guard.arm({ firesInMs, mountpoints }, run.stopped))) result.guard = 'Unavailable';
  } catch (error) {
    throw asNotPrepared(error);
  }
}

/** Nothing was frozen: what was armed must not thaw what somebody else may freeze later. */
export async function disarmGuard(
  uid: string,
  { guest, clock, stopped, logger }: Pick<ActionRun, 'guest' | 'clock' | 'stopped' | 'logger'>,
): Promise<void> {
  const guard = new FreezeGuard(guest.agent, uid, clock);
  for (let tries = 1; ; tries++) {
    try {
      await guard.disarm(stopped);
      return;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      if (tries === disarmTries || error.outcome === 'Refused' || (await guest.agent.isGone(error, stopped))) {
        logger.warn({ err: error, task: uid }, 'the guard in the guest could not be disarmed');
        return;
      }
    }
    await clock.sleep(retryMs, stopped);
  }
}

/** What nobody of us froze is never adopted, and never thawed (C25). */
async function expectThawed(run: ActionRun, signal: AbortSignal): Promise<void> {
  if ((await status(run, signal)) !== 'frozen') return;
  const message = `guest ${run.task.spec.guestName} is frozen already, by somebody else: it is left as it is`;
  throw new NotPrepared('AlreadyFrozen', message);
}

/** A guest that is about to leave would take its freeze along, to a host that knows nothing of it (C28). */
export async function expectStaying({ guest, task }: ActionRun, signal: AbortSignal): Promise<void> {
  let migrating: boolean;
  try {
    migrating = await guest.agent.isMigrating(signal);
  } catch (error) {
    throw asNotPrepared(error);
  }
  if (!migrating) return;
  const message = `guest ${task.spec.guestName} is being moved to another host: it can be frozen when it is there`;
  throw new NotPrepared('GuestMigrating', message);
}

/** An agent that doesn't answer is asked again until the starting deadline, where there is one. */
async function status({ task, guest, clock }: ActionRun, signal: AbortSignal): Promise<string> {
  const { startingDeadline } = task.spec;
  for (;;) {
    try {
      return await guest.agent.call(guestFsfreezeStatus, {}, { priority: callPriority.action, signal });
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const late = startingDeadline === undefined || clock.now() + retryMs >= Date.parse(startingDeadline);
      if (!error.retryable || late) throw asNotPrepared(error);
    }
    await clock.sleep(retryMs, signal);
  }
}

/** Counts what a freeze must count, where the agent tells. What the guest doesn't have is an error only here (C22). */
async function countFilesystems(
  { guest, task }: ActionRun,
  { mountpoints }: Freeze,
  result: FreezeResult,
  signal: AbortSignal,
): Promise<void> {
  const { guestName } = task.spec;
  try {
    const listed = await guest.agent.call(guestGetFsinfo, {}, { priority: callPriority.action, signal });
    const known = new Set(listed.map(({ mountpoint }) => mountpoint));
    const unknown = mountpoints?.find((mountpoint) => !known.has(mountpoint));
    if (unknown !== undefined) {
      const message = `guest ${guestName} has no filesystem mounted at ${unknown}; it lists ${list([...known])}`;
      throw new NotPrepared('UnknownMountpoint', message);
    }
    const expected = expectedFilesystems(listed, mountpoints);
    result.filesystems = expected === undefined ? {} : { expected };
    if (listed.length > 0) return;
    throw new NotPrepared('NothingFrozen', `guest ${guestName} lists no filesystem that could be frozen`);
  } catch (error) {
    if (!(error instanceof AgentError && error.outcome === 'Refused')) throw asNotPrepared(error);
  }
}

/** What is young is mostly soon over; what has run for a while goes on, unread while the guest is frozen (C21). */
async function untilShortWorkEnded({ guest, task, clock }: ActionRun, signal: AbortSignal): Promise<void> {
  const { uid } = task.metadata;
  const isYoung = ([other, since]: [string, number]) => other !== uid && clock.monotonic() - since < youngMs;
  while ([...guest.running].some(isYoung)) await clock.sleep(youngPollMs, signal);
}

function asNotPrepared(error: unknown): unknown {
  if (!(error instanceof AgentError)) return error;
  return new NotPrepared(error.code === 'Refused' ? 'CommandBlocked' : failureReason(error), error.message);
}

function list(mountpoints: string[]): string {
  return mountpoints.length > 0 ? mountpoints.toSorted().slice(0, 16).join(', ') : 'none';
}
