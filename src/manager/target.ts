import type { Guest } from '../api/resources.ts';
import type { LabelSelector } from '../api/schema/common.ts';

/** The guests that an object of a namespace names there: one by its name, or those with certain labels. */
export interface Target {
  guestName?: string | undefined;
  selector?: LabelSelector | undefined;
}

/** Whether a guest of the job's namespace is one the job names. */
export function isTargeted(guest: Guest, { guestName, selector }: Target): boolean {
  if (guestName !== undefined) return guest.metadata.name === guestName;
  return selector !== undefined && matchesSelector(guest.metadata.labels ?? {}, selector);
}

/** metav1.LabelSelector's meaning: every requirement holds. */
function matchesSelector(labels: Record<string, string>, selector: LabelSelector): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
      }
    })
  );
}

/** The target in words, for messages: `guest web-1`, `guests with app=web`. */
export function describeTarget({ guestName, selector }: Target): string {
  if (guestName !== undefined) return `guest ${guestName}`;
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values }) =>
    values ? `${key} ${operator} (${values.join(', ')})` : `${key} ${operator}`,
  );
  return `guests with ${[...labels, ...expressions].join(', ')}`;
}

export function nameOf({ metadata }: Guest): string {
  return metadata.name;
}

export function byName(a: Guest, b: Guest): number {
  return nameOf(a) < nameOf(b) ? -1 : 1;
}
