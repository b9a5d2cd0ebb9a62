import { timestamp } from '../seams/clock.ts';

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  /** RFC 3339. */
  lastTransitionTime: string;
  observedGeneration?: number | undefined;
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** The conditions with one of them set; its lastTransitionTime moves only when its status does. `now` in milliseconds. */
export function setCondition(
  conditions: readonly Condition[],
  condition: Omit<Condition, 'lastTransitionTime'>,
  now: number,
): Condition[] {
  const previous = findCondition(conditions, condition.type);
  const lastTransitionTime = previous?.status === condition.status ? previous.lastTransitionTime : timestamp(now);
  const next = { ...condition, lastTransitionTime };
  return previous ? conditions.map((each) => (each === previous ? next : each)) : [...conditions, next];
}
