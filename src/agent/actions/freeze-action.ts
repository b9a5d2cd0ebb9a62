import type { FreezeHook, FreezeResult } from '../../api/schema/freeze.ts';
import type { FreezeHolder } from '../../guest/freeze-holder.ts';
import { isHeld, isThawOwed } from '../../guest/freeze-step.ts';
import { worthOf } from '../../guest/freeze-worth.ts';
import type { Hold } from '../../guest/hold.ts';
import type { Sent } from '../../guest/journal.ts';
import { keyOf, uidOf } from '../../kube/objects.ts';
import { unlessAborted } from '../../libvirt/abort.ts';
import {
  guestFsfreezeFreeze,
  guestFsfreezeFreezeList,
  guestFsfreezeStatus,
  guestFsfreezeThaw,
} from '../../qga/commands.ts';
import { timestamp } from '../../seams/clock.ts';
import { endedUnfrozen, type FreezeNote, freezeNoteOf, type Preparation } from '../freeze-note.ts';
import type { Action, ActionRun, Ending } from './action.ts';
import { failureOf, hookRuns, runAfterHooks } from './freeze-hooks.ts';
import { LetGo, lettingGo } from './freeze-letting-go.ts';
import {
  armGuard,
  disarmGuard,
  expectStaying,
  type Freeze,
  freezeOf,
  NotPrepared,
  preparationOf,
  prepareFreeze,
} from './freeze-preparation.ts';
import { abandonedHold, endedBefore, leftBefore, takenOverHold } from './freeze-taken-over.ts';

/** Holds a guest's filesystems frozen, and always thaws them. */
export const freezeAction: Action = {
  commands(task) {
    const freeze = freezeOf(task).mountpoints ? guestFsfreezeFreezeList : guestFsfreezeFreeze;
    return [guestFsfreezeStatus.name, freeze.name, guestFsfreezeThaw.name];
  },
  exclusive: true,
  evenFrozen: () => true,
  async run(run) {
    const uid = uidOf(run.task);
    const kept = run.freezes.find(uid);
    if (kept) return await seeThrough(run, kept, lettingGo(run));
    const { sentBefore } = run;
    // An earlier life of this process, or its keeper while no API server was there, has come to the end of it.
    const ended = endedBefore(run);
    if (ended) return await finish(run, ended);
    const unfrozen = endedUnfrozen(sentBefore);
    if (unfrozen) return await finishUnfrozen(run, unfrozen);
    return sentBefore && leftBefore(sentBefore)
      ? await letGoAnew(run, sentBefore)
      : await freezeAnew(run, uid, lettingGo(run));
  },
  async takeOver(run) {
    const uid = uidOf(run.task);
    const { sentBefore } = run;
    const kept = run.freezes.find(uid);
    if (kept) return await seeThrough(run, kept, lettingGo(run));
    const ended = endedBefore(run);
    if (ended) return await finish(run, ended);
    if (!sentBefore) throw new TypeError('what is taken over was sent before');
    return await letGoAnew(run, sentBefore);
  },
  async abandon(uid, abandoned) {
    const { guest, sent, freezes, stopped } = abandoned;
    const left = abandonedHold(abandoned, uid);
    const holder = freezes.find(uid) ?? (left && freezes.takeOver(guest, uid, sent, left));
    holder?.end({ by: 'Deletion' });
    const noted = holder ? await unlessAborted(holder.done, stopped) : freezeNoteOf(sent);
    if (noted === undefined || noted.stage === 'preparing') await disarmGuard(uid, abandoned);
    if (noted) await runAfterHooks({ uid, hooks: noted.after ?? [], noted }, { ...abandoned, sentBefore: sent });
  },
  delivered(task, guest) {
    const uid = uidOf(task);
    guest.finishedRuns.push(uid, ...hookRuns(uid, task.spec.action.freeze?.hooks));
  },
};

/** Thaws what somebody else, or this host before the guest went elsewhere, may have frozen. */
async function letGoAnew(run: ActionRun, sentBefore: Sent): Promise<Ending> {
  const uid = uidOf(run.task);
  const hold = leftBefore(sentBefore) ?? takenOverHold(run, sentBefore);
  const holder = run.freezes.takeOver(run.guest, uid, sentBefore, hold);
  return await seeThrough(run, holder, lettingGo(run));
}

async function freezeAnew(run: ActionRun, uid: string, letGo: AbortSignal): Promise<Ending> {
  const freeze = freezeOf(run.task);
  const signal = AbortSignal.any([run.stopped, letGo]);
  const result: FreezeResult = {};
  try {
    await prepareFreeze(run, freeze, result, signal);
    const freezeAt = freeze.barrier ? await instantOf(run, result, signal) : 0;
    const left = () => Math.max(0, freezeAt - run.clock.now());
    // From then on its time counts, as the guard has it, however long it is held up.
    const from = run.clock.now() + left();
    if (freeze.barrier) {
      await armGuard(run, freeze, result, left());
      await expectStaying(run, signal);
    }
    signal.throwIfAborted();
    const inMs = left();
    const holder = run.freezes.begin(run.guest, uid, plannedHold(run, freeze, result, from), inMs);
    return await seeThrough(run, holder, letGo);
  } catch (error) {
    if (run.stopped.aborted) throw run.stopped.reason;
    if (error instanceof NotPrepared) {
      const { reason, message } = error;
      return await finishUnfrozen(run, { reason, message, freeze: { ...result, endedBy: 'FreezeFailed' } });
    }
    if (!(error instanceof LetGo)) throw error;
    const evidence: FreezeResult = { ...result, verdict: 'Skipped', endedBy: error.ending.by };
    const message = 'let go before it was frozen: nothing was frozen';
    return await finishUnfrozen(run, { reason: 'Released', message, freeze: evidence });
  }
}

/** Waits at the barrier; when the freeze is to be sent, in milliseconds since the epoch. */
async function instantOf(run: ActionRun, result: FreezeResult, signal: AbortSignal): Promise<number> {
  const instant = Promise.withResolvers<string>();
  const look = ({ spec }: ActionRun['task']) => {
    if (spec.freezeAt !== undefined) instant.resolve(spec.freezeAt);
  };
  run.onUpdate(look);
  look(run.latest());
  const message = 'ready to be frozen: waits for spec.freezeAt';
  run.show({ phase: 'Running', reason: 'Prepared', message, freeze: result });
  return Date.parse(await unlessAborted(instant.promise, signal));
}

function plannedHold({ task }: ActionRun, freeze: Freeze, result: FreezeResult, from: number): Hold {
  const { mountpoints, maxFrozenSeconds, hooks } = freeze;
  const maxFrozenMs = maxFrozenSeconds * 1000;
  const deadline = from + maxFrozenMs;
  const until = timestamp(Math.ceil(deadline / 1000) * 1000);
  return {
    task: keyOf(task),
    ...(mountpoints && { mountpoints }),
    ...(hooks?.after && { after: hooks.after }),
    maxFrozenMs,
    deadline,
    stage: 'planned',
    result: { ...result, until },
  };
}

/** Waits for the end of a hold, and lets go of it when asked to. */
async function seeThrough(run: ActionRun, holder: FreezeHolder, letGo: AbortSignal): Promise<Ending> {
  const release = () => holder.end((letGo.reason as LetGo).ending);
  if (letGo.aborted) release();
  else letGo.addEventListener('abort', release, { once: true });
  holder.onChange((hold) => show(run, hold));
  show(run, holder.hold);
  // The keeper goes on with it when this process is asked to end.
  return await finish(run, await unlessAborted(holder.done, run.stopped));
}

function show(run: ActionRun, hold: Hold): void {
  const freeze: FreezeResult = hold.result;
  if (isThawOwed(hold)) {
    const phase = isHeld(hold) ? 'Held' : 'Running';
    const message = owed[hold.left ?? 'here'];
    run.show({ phase, reason: 'ThawOwed', message, freeze: { ...freeze, thawOwed: true } });
  } else if (isHeld(hold) && !hold.ending) {
    run.show({ phase: 'Held', reason: 'Frozen', message: `thawed at ${freeze.until} at the latest`, freeze });
  }
}

const owed = {
  here: 'nobody knows whether the guest is frozen: it is thawed as soon as it can be reached',
  moved: 'the guest left this host, frozen perhaps: it is thawed as soon as a host runs it whose agent works',
  saved: 'the guest was saved to disk, frozen perhaps: it is thawed as soon as it runs again',
};

async function finish(run: ActionRun, hold: Hold): Promise<Ending> {
  const { succeeded, reason, message, result } = worthOf(hold);
  const ending = { phase: succeeded ? 'Succeeded' : 'Failed', reason, message, freeze: result } as const;
  return await withAfterHooks(run, hold.after ?? [], hold, ending);
}

/** An earlier life of this process may have begun hooks, and may have armed a guard, that this one has not come to. */
async function finishUnfrozen(run: ActionRun, { freeze, ...why }: NonNullable<Preparation['ended']>): Promise<Ending> {
  const { task, sentBefore } = run;
  if (freeze.guard === 'Armed' || sentBefore) await disarmGuard(uidOf(task), run);
  const haveBegun = freeze.hooks !== undefined || freezeNoteOf(sentBefore) !== undefined;
  const hooks = freeze.hooks ?? (haveBegun ? task.status?.freeze?.hooks : undefined);
  const ended = { ...why, freeze: { ...freeze, ...(hooks && { hooks }) } };
  const { after = [], ...preparation } = preparationOf(freezeOf(task));
  const noted = { ...preparation, after, ended };
  return await withAfterHooks(run, haveBegun ? after : [], noted, { phase: 'Failed', ...ended });
}

/** What the hooks before it did to the guest is undone whatever became of the freeze. */
async function withAfterHooks(
  run: ActionRun,
  hooks: readonly FreezeHook[],
  noted: FreezeNote,
  ending: Ending,
): Promise<Ending> {
  if (hooks.length === 0) return ending;
  const results = await runAfterHooks({ uid: uidOf(run.task), hooks, noted }, run);
  const freeze: FreezeResult = { ...ending.freeze, hooks: [...(ending.freeze?.hooks ?? []), ...results] };
  const failed = failureOf({ when: 'after', hooks }, results);
  if (!failed || ending.phase !== 'Succeeded') return { ...ending, freeze };
  return { phase: 'Failed', reason: 'HookFailed', message: `hook ${failed.name}: ${failed.message}`, freeze };
}
