import { guests } from '../../api/resources.ts';
import { ApiError, isNotFound } from '../../kube/errors.ts';
import { type Target, targetOf } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import type { Session } from './session.ts';

/**
 * Rejects with a UsageError where nobody is meant: a job would wait a minute for a guest to come, a person has made a
 * typing error. Who may not look at guests is believed.
 */
export async function assertKnown(
  { cluster, namespace, signal }: Session,
  target: Target,
  selector: string | undefined,
): Promise<void> {
  try {
    if ('guestName' in target) await cluster.get(guests, { namespace, name: target.guestName }, { signal });
    else if ((await cluster.list(guests, { namespace, labelSelector: selector, signal })).items.length === 0) {
      throw new UsageError(
        `no guest in namespace ${namespace} has the labels ${selector}: kubectl get guests --show-labels`,
      );
    }
  } catch (error) {
    if (isNotFound(error) && 'guestName' in target) {
      throw new UsageError(`there is no guest ${target.guestName} in namespace ${namespace}: kubectl qga get -A`);
    }
    if (!(error instanceof ApiError && error.code === 403)) throw error;
  }
}

/** The same for a guest alone. */
export async function assertGuest(session: Session, guest: string): Promise<void> {
  await assertKnown(session, targetOf(guest, undefined), undefined);
}
