import { type GuestTask, group } from '../api/resources.ts';
import { isOverPhase } from '../api/tasks.ts';

/** On a rotation's tasks: which value is sealed in it, and which version of the Secret it was taken from. */
export const valueAnnotation = `${group}/password-id`;
export const secretVersionAnnotation = `${group}/secret-version`;

/** Where the attempts to set one value in one guest have led. */
export type Prospect =
  /** Another one, or the first. */
  | { state: 'ready'; attempt: number }
  /** Another one at this instant, in milliseconds since the epoch. */
  | { state: 'retry'; at: number; attempt: number; failed: GuestTask }
  /** None before a person steps in. */
  | { state: 'parked'; failed: GuestTask; mayBeSet: boolean };

const firstBackoffMs = 10_000;
const longestBackoffMs = 360_000;

/** Ends that say nothing of the password: the guest never saw it. Of the last two its Guest says how long they hold. */
const unreached: ReadonlySet<string | undefined> = new Set([
  'Undeliverable',
  'GuestGone',
  'GuestReplaced',
  'Released',
  'CommandBlocked',
  'NoAgentChannel',
]);
/** Ends after which another attempt comes to the same until somebody changes the guest, which nothing tells of. */
const hopeless: ReadonlySet<string | undefined> = new Set([
  'UnknownUser',
  'AccountLocked',
  'AccountExpired',
  'CommandUnsupported',
  'ActionUnknown',
]);

/** Ends that say of themselves that nothing was set; all others leave it open. */
const untouched: ReadonlySet<string | undefined> = new Set([
  ...unreached,
  ...hopeless,
  'ActionNotAllowed',
  'PasswordRefused',
  'ReadOnlyFilesystem',
  'SealBroken',
]);

/** In the order in which they were made. */
export function inOrder(tasks: readonly GuestTask[]): GuestTask[] {
  return tasks.toSorted((a, b) => attemptOf(a) - attemptOf(b));
}

function attemptOf({ spec }: GuestTask): number {
  return spec.attempt ?? 0;
}

/** The number of the one to come, `made` being in order. */
export function nextAttempt(made: readonly GuestTask[]): number {
  const last = made.at(-1);
  return last ? attemptOf(last) + 1 : 0;
}

/** Milliseconds since the epoch; undefined while it isn't over. */
export function endOf({ status }: GuestTask): number | undefined {
  return isOverPhase(status?.phase) ? Date.parse(status?.completionTime ?? '') || 0 : undefined;
}

/** What comes next, by the tasks with this value, none of which is under way. */
export function prospectOf(tasks: readonly GuestTask[], backoffLimit: number): Prospect {
  const made = inOrder(tasks);
  const last = made.at(-1);
  const attempt = nextAttempt(made);
  const failures = failuresOf(made);
  if (!last || failures.length === 0) return { state: 'ready', attempt };
  const counted = failures.filter(isCounted).length;
  if (hopeless.has(last.status?.reason) || counted > backoffLimit) {
    return { state: 'parked', failed: last, mayBeSet: made.some(mayHaveSet) };
  }
  const waitMs = Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failedInARow(made) - 1));
  return { state: 'retry', at: (endOf(last) ?? 0) + waitMs, attempt, failed: last };
}

/** The attempts to set it since one last succeeded, or since the last look at it, `made` being in order. */
function failuresOf(made: readonly GuestTask[]): GuestTask[] {
  return made.slice(made.findLastIndex(isNoFailure) + 1);
}

/** How many they were, with those that are no longer kept. */
export function failedInARow(made: readonly GuestTask[]): number {
  const before = made.findLast(isNoFailure);
  return nextAttempt(made) - (before ? attemptOf(before) + 1 : 0);
}

/**
 * The task that last told whether the account has the value, `made` being in order. A look that saw nothing does not
 * undo that another one saw it to be otherwise; the agent's word that it was set does.
 */
export function lastLook(made: readonly GuestTask[]): GuestTask | undefined {
  const telling = made.filter(
    ({ status }) => status?.password && (status.phase === 'Succeeded' || status.password.verified !== 'Unknown'),
  );
  const before = telling.findLast(
    ({ spec, status }) => !spec.action.verifyPassword || status?.password?.verified !== 'Unknown',
  );
  return before?.status?.password?.verified === 'False' ? before : telling.at(-1);
}

/** When the account with one value is to be looked at. */
export interface Looks {
  /** The last look, or whatever came in its place, in milliseconds since the epoch. */
  lastAt: number;
  nextAt: number;
  /** The last one, where it came to nothing: it is made again. */
  failed: GuestTask | undefined;
}

/** `made` is in order; `since` is when the value was set. */
export function looksOf(made: readonly GuestTask[], since: number, everyMs: number): Looks {
  const ended = made.filter((task) => endOf(task) !== undefined);
  const before = lastOtherThanFailedLook(ended);
  const lastAt = Math.max((before && endOf(before)) ?? 0, since);
  const last = ended.at(-1);
  if (!last || !isFailedLook(last)) return { lastAt, nextAt: lastAt + everyMs, failed: undefined };
  const inARow = attemptOf(last) - (before ? attemptOf(before) : -1);
  const waitMs = Math.min(everyMs, firstBackoffMs * 2 ** (inARow - 1));
  return { lastAt, nextAt: (endOf(last) ?? 0) + waitMs, failed: last };
}

function lastOtherThanFailedLook(made: readonly GuestTask[]): GuestTask | undefined {
  return made.findLast((task) => endOf(task) !== undefined && !isFailedLook(task));
}

function isFailedLook({ spec, status }: GuestTask): boolean {
  return spec.action.verifyPassword !== undefined && isOverPhase(status?.phase) && status?.phase !== 'Succeeded';
}

/** Of the tasks with one value those that tell what comes next: of attempts that the guest never saw the last. */
export function evidenceOf(tasks: readonly GuestTask[]): GuestTask[] {
  const made = inOrder(tasks);
  const known = [made.findLast(isNoFailure), lastLook(made), lastOtherThanFailedLook(made), made.at(-1)];
  return [...known.filter((task) => task !== undefined), ...failuresOf(made).filter(isCounted)];
}

function isNoFailure({ spec, status }: GuestTask): boolean {
  return spec.action.setPassword === undefined || status?.phase === 'Succeeded';
}

function mayHaveSet({ status }: GuestTask): boolean {
  return status?.phase === 'Unknown' || !untouched.has(status?.reason);
}

function isCounted({ status }: GuestTask): boolean {
  return !unreached.has(status?.reason);
}

/** Those that are about one value: what they say holds for it alone. */
export function withValue(tasks: readonly GuestTask[], { id }: { id: string | undefined }): GuestTask[] {
  return id === undefined ? [] : tasks.filter(({ metadata }) => metadata.annotations?.[valueAnnotation] === id);
}
