import type { FreezeAction, FreezeHook, FreezeResult } from '../../api/schema/freeze.ts';
import { type ExecEnd, isOwnEnd } from '../../guest/exec-end.ts';
import { launchOf } from '../../guest/exec-launch.ts';
import { type ExecRun, runExec } from '../../guest/exec-run.ts';
import { failureReason } from '../../guest/failure-reason.ts';
import type { GuestAgent } from '../../guest/guest-agent.ts';
import type { Sent } from '../../guest/journal.ts';
import type { AgentError } from '../../qga/errors.ts';
import type { Clock } from '../../seams/clock.ts';
import { outcomeOfEnd } from '../exec-outcome.ts';
import { type FreezeNote, freezeNoteOf } from '../freeze-note.ts';
import type { LiveGuest } from '../live-guest.ts';
import type { ActionRun, Ending } from './action.ts';

export type HookResult = NonNullable<FreezeResult['hooks']>[number];

export interface HookSetting {
  guest: LiveGuest;
  /** The task's. */
  uid: string;
  sentBefore: Sent | undefined;
  clock: Clock;
  /** This process ends: rejects with its reason, and the next one finds the hook again. */
  stopped: AbortSignal;
  /** Nobody wants it any more: the hook is ended in the guest. */
  withdrawn?: AbortSignal | undefined;
  /** The boot in which the guest was last seen, where it isn't seen now. */
  bootId?: string | undefined;
  /** It is to run in any case: a guest that can't be reached is waited for, as long as the hook may take. */
  due?: boolean;
}

export interface HooksToRun {
  when: HookResult['when'];
  hooks: readonly FreezeHook[];
}

class HookTimeout extends Error {
  override readonly name = 'HookTimeout';
}

/** As the API server fills it in. */
const defaultTimeoutSeconds = 30;
const retryMs = 1000;
/** In characters. */
const longestOutput = 1024;

/**
 * Runs what undoes the hooks before a freeze, once the guest is thawed: in any case, as the guest agent's own hook does,
 * whatever became of the freeze and of this process's earlier lives. Each at most once for all that: that they begin is
 * noted before the first is sent, and from then on they are looked for. Where that can't be noted, or another may have
 * begun them, the file that each is claimed by in the guest is what counts.
 */
export async function runAfterHooks(
  { uid, hooks, noted }: { uid: string; hooks: readonly FreezeHook[]; noted: FreezeNote },
  run: Omit<HookSetting, 'uid' | 'withdrawn' | 'bootId' | 'due'> & Pick<ActionRun, 'note' | 'logger'>,
): Promise<HookResult[]> {
  const { guest, sentBefore, clock, stopped, note, logger } = run;
  if (hooks.length === 0) return [];
  const mayHaveBegun = sentBefore?.takenOver !== undefined || freezeNoteOf(sentBefore)?.afterBegan;
  if (!mayHaveBegun) {
    try {
      await note({ ...noted, afterBegan: true } satisfies FreezeNote);
    } catch (error) {
      logger.error({ err: error, task: uid }, 'the journal could not be written: the hooks after a freeze run without');
    }
  }
  const known = noted.stage === 'preparing' ? noted.ended?.freeze : noted.result;
  const bootId = known?.bootId ?? sentBefore?.bootId;
  const setting = { guest, uid, sentBefore: mayHaveBegun ? sentBefore : undefined, clock, stopped, bootId, due: true };
  return await runHooks({ when: 'after', hooks }, setting);
}

/**
 * Runs hooks one after the other, each at most once through any number of lives of this process, until one fails that
 * must not; those after a thaw are all run. A hook that is not over in time, or withdrawn, is ended in the guest. Rejects
 * with the reason of the signal that aborted.
 */
export async function runHooks({ when, hooks }: HooksToRun, setting: HookSetting): Promise<HookResult[]> {
  const results: HookResult[] = [];
  for (const [index, hook] of hooks.entries()) {
    const result = await runHook(hook, `${setting.uid}-${when}-${index}`, setting);
    results.push({ ...result, name: hook.name, when });
    if (when === 'before' && hook.failurePolicy !== 'Ignore' && result.reason !== undefined) break;
  }
  return results;
}

/** The first hook that failed and must not, if any. */
export function failureOf({ hooks }: HooksToRun, results: readonly HookResult[]): HookResult | undefined {
  return results.find(({ reason }, index) => reason !== undefined && hooks[index]?.failurePolicy !== 'Ignore');
}

/** The names under which a task's hooks left their output in the guest. */
export function hookRuns(uid: string, hooks: FreezeAction['hooks'] = {}): string[] {
  const names = (when: HookResult['when']) => (hooks[when] ?? []).map((_, index) => `${uid}-${when}-${index}`);
  return [...names('before'), ...names('after')];
}

async function runHook(
  { command, timeoutSeconds = defaultTimeoutSeconds }: FreezeHook,
  id: string,
  setting: HookSetting,
): Promise<Omit<HookResult, 'name' | 'when'>> {
  const { guest, sentBefore, clock, withdrawn, bootId } = setting;
  const startedAt = clock.monotonic();
  const late = new AbortController();
  const cancel = clock.after(timeoutSeconds * 1000, () => late.abort(new HookTimeout()));
  const unwanted = withdrawn ? AbortSignal.any([withdrawn, late.signal]) : late.signal;
  const run = { id, launch: launchOf({ command }, undefined), sentBefore, bootId: guest.bootId ?? bootId };
  try {
    const end = await endOf(run, setting, unwanted);
    withdrawn?.throwIfAborted();
    const seconds = Math.round(clock.monotonic() - startedAt) / 1000;
    if (end.kind === 'otherBoot') {
      return { reason: 'GuestRebooted', message: 'the guest was started anew: the hook was not', seconds };
    }
    if (end.kind === 'notStarted') {
      return { reason: failureReason(end.error), message: `it was not started: ${end.error.message}`, seconds };
    }
    const never = end.kind === 'withdrawn' || end.kind === 'withheld';
    const result = never ? {} : resultOf(outcomeOfEnd(end, { program: command[0] ?? '' }));
    if (!late.signal.aborted || isOwnEnd(end)) return { ...result, seconds };
    const message = `not over after ${timeoutSeconds} seconds: it was ended`;
    return { ...result, reason: 'HookTimedOut', message, seconds };
  } finally {
    cancel();
  }
}

/** How a hook's command ends; one that is due is tried again where it could not be started. */
async function endOf(
  run: ExecRun,
  { guest, clock, stopped, due }: HookSetting,
  withdrawn: AbortSignal,
): Promise<ExecEnd> {
  for (;;) {
    const end = await runExec(guest.agent, run, clock, { stopped, withdrawn });
    if (!due || end.kind !== 'notStarted' || !(await mayBeStartedYet(end.error, guest.agent, stopped))) return end;
    await clock.sleep(retryMs, AbortSignal.any([stopped, withdrawn])).catch(() => {});
    stopped.throwIfAborted();
    if (withdrawn.aborted) return end;
  }
}

/** A guest that somebody froze refuses (C21), too, until it is thawed. */
async function mayBeStartedYet(error: AgentError, agent: GuestAgent, stopped: AbortSignal): Promise<boolean> {
  if (error.outcome === 'Refused') return await agent.isFrozen(stopped);
  return error.retryable && !(await agent.isGone(error, stopped));
}

function resultOf({ phase, reason, message = '', exec = {} }: Ending): Omit<HookResult, 'name' | 'when'> {
  const output = `${exec.stdout ?? ''}${exec.stderr ?? ''}`.slice(-longestOutput);
  return {
    ...(exec.exitCode !== undefined && { exitCode: exec.exitCode }),
    ...(phase !== 'Succeeded' && { reason, message }),
    ...(output && { output }),
  };
}
