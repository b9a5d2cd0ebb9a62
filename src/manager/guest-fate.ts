import type { Guest } from '../api/resources.ts';
import type { GuestResult } from '../api/schema/guest-exec-job.ts';
import type { CommonGuestResult } from '../api/schema/guest-result.ts';
import type { GuestTaskSpec } from '../api/schema/guest-task.ts';
import type { KubeObject } from '../kube/objects.ts';
import { type Obstacle, obstacle } from './reachability.ts';
import { describeTarget, type Target } from './target.ts';

/** Where the job stands that a guest waits in. */
export interface Turn {
  suspended: boolean;
  /** activeDeadlineSeconds is over. */
  over: boolean;
  /** When its turn could have come first: from then on it is waited for. Milliseconds since the epoch, as `now`. */
  since: number;
  patienceMs: number;
  now: number;
  action: GuestTaskSpec['action'];
  /** What else stands in the way of starting something in this guest. */
  hindrance(guest: Guest): Obstacle | undefined;
}

/** That a guest is started, or else that it waits, until when, or that it is given up, as its result then says. */
export type Fate = 'start' | { result: GuestResult; until?: number };

/** What becomes of a guest whose turn it would be. */
export function fateOf(guest: Guest, waiting: GuestResult, turn: Turn): Fate {
  if (turn.over) {
    const message = 'activeDeadlineSeconds was over before its turn came';
    return { result: { ...waiting, phase: 'Failed', reason: 'DeadlineExceeded', message } };
  }
  if (turn.suspended) return { result: { ...waiting, reason: 'JobSuspended', message: 'the job is suspended' } };
  const blocked = obstacle(guest, turn.action) ?? turn.hindrance(guest);
  if (!blocked) return 'start';
  const { reason, message, permanent, since = 0 } = blocked;
  if (permanent) return { result: { ...waiting, phase: 'Failed', reason, message } };
  const until = Math.max(turn.since, since) + turn.patienceMs;
  if (turn.now >= until) return { result: { ...waiting, phase: 'Failed', reason: 'Undeliverable', message } };
  return { result: { ...waiting, reason, message }, until };
}

/** The result of a guest that was never given a task. */
export function resultWithoutTask({ metadata, status }: Guest): CommonGuestResult {
  return { name: metadata.name, phase: 'Pending', attempts: 0, ...(status?.node && { node: status.node }) };
}

/** The result of a guest that an object names and that isn't there. */
export function missingGuest(
  { spec, metadata }: KubeObject & { spec: { target: Target } },
  givenUp: boolean,
): CommonGuestResult {
  return {
    name: spec.target.guestName as string,
    phase: givenUp ? 'Failed' : 'Pending',
    reason: 'GuestNotFound',
    message: `there is no ${describeTarget(spec.target)} in namespace ${metadata.namespace}: see kubectl get guests -A`,
    attempts: 0,
  };
}
