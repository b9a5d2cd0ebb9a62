import { apiVersion, type FsFreezeWindow } from '../../api/resources.ts';
import type { Target } from '../target.ts';

/** What a person asks for on the command line of `freeze`. */
export interface FreezeRequest {
  target: Target;
  /** Thawed at the latest so long after the freeze. */
  seconds: number;
  /** All at one instant, and one that fails lets all go; else each as soon as it is ready. */
  group: boolean;
  policy: 'Required' | 'BestEffort' | 'Skip';
  mountpoints: readonly string[];
  /** How long guests are waited for until they are prepared. */
  waitSeconds: number;
}

/** A window stays so long as a receipt. */
const keptSeconds = 86_400;

/** The longest freeze that the API takes. */
export const longestFreezeSeconds = 600;

export function windowOf(request: FreezeRequest, metadata: { name: string; namespace: string }): FsFreezeWindow {
  const { target, seconds, group, policy, mountpoints, waitSeconds } = request;
  return {
    apiVersion,
    kind: 'FsFreezeWindow',
    metadata,
    spec: {
      target,
      maxFrozenSeconds: seconds,
      ...(mountpoints.length > 0 && { mountpoints: [...mountpoints] }),
      consistency: group ? 'Group' : 'PerGuest',
      policy,
      startingDeadlineSeconds: waitSeconds,
      ttlSecondsAfterFinished: keptSeconds,
    },
  };
}
