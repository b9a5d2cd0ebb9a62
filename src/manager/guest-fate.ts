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
  /** Milliseconds since the epoch, as `now`. */
  startingDeadline: number;
  now: number;
  action: GuestTaskSpec['action'];
  /** What else stands in the way of starting something in this guest. */
  hindrance(guest: Guest): Obstacle | undefined;
}

/** What becomes of a guest whose turn it would be: it is started, or it waits or is given up, as its result then says. */
export function fateOf(guest: Guest, waiting: GuestResult, turn: Turn): 'start' | GuestResult {
  if (turn.over)
    return {
      ...waiting,
      phase: 'Failed',
      reason: 'DeadlineExceeded',
      message: 'activeDeadlineSeconds was over before its turn came',
    };
  if (turn.suspended) return { ...waiting, reason: 'JobSuspended', message: 'the job is suspended' };
  const blocked = obstacle(guest, turn.action) ?? turn.hindrance(guest);
  if (!blocked) return 'start';
  const { reason, message, permanent } = blocked;
  if (permanent) return { ...waiting, phase: 'Failed', reason, message };
  if (turn.now >= turn.startingDeadline) return { ...waiting, phase: 'Failed', reason: 'Undeliverable', message };
  return { ...waiting, reason, message };
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
