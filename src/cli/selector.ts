import type { LabelSelector } from '../api/schema/common.ts';
import { UsageError } from './usage-error.ts';

const key = '[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?';
const value = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
const equality = new RegExp(`^(${key})\\s*(==?|!=)\\s*(${value})$`);
const set = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*(${key})$`);

/** A selector as kubectl's -l takes it (`app=web,tier!=db,env in (a,b),!old`), as a spec has it. Throws a UsageError. */
export function parseSelector(text: string): LabelSelector {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: NonNullable<LabelSelector['matchExpressions']> = [];
  for (const requirement of text.split(/,(?![^(]*\))/).map((each) => each.trim())) {
    const [, label, sign, wanted] = equality.exec(requirement) ?? [];
    const [, member, operator, listed] = set.exec(requirement) ?? [];
    const [, not, present] = existence.exec(requirement) ?? [];
    if (label !== undefined && wanted !== undefined) {
      if (sign === '!=') matchExpressions.push({ key: label, operator: 'NotIn', values: [wanted] });
      else if (matchLabels[label] !== undefined && matchLabels[label] !== wanted) throw badSelector(text);
      else matchLabels[label] = wanted;
    } else if (member !== undefined && listed !== undefined) {
      const values = listed.split(',').map((each) => each.trim());
      if (values.some((each) => each === '')) throw badSelector(text);
      matchExpressions.push({ key: member, operator: operator === 'in' ? 'In' : 'NotIn', values });
    } else if (present !== undefined) {
      matchExpressions.push({ key: present, operator: not ? 'DoesNotExist' : 'Exists' });
    } else throw badSelector(text);
  }
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(matchExpressions.length > 0 && { matchExpressions }),
  };
}

function badSelector(text: string): UsageError {
  return new UsageError(`"${text}" is no label selector: write it as app=web,tier!=db or 'env in (a,b)'`);
}
