import type { LabelSelector } from '../api/schema/common.ts';
import { guestWords, nameOfKind } from './object-name.ts';
import { parseSelector } from './selector.ts';
import { UsageError } from './usage-error.ts';

/** The guests that a verb is for. */
export type Target = { guestName: string } | { selector: LabelSelector };

/** One guest by its name, or all with certain labels; both or neither can't be meant. */
export function targetOf(guest: string | undefined, selector: string | undefined): Target {
  if (guest !== undefined && selector !== undefined) {
    throw new UsageError('name a guest or give a selector (-l), not both; a command goes after --');
  }
  if (guest !== undefined) return { guestName: nameOfKind(guest, guestWords) };
  if (selector !== undefined) return { selector: parseSelector(selector) };
  throw new UsageError('name a guest, or give a selector: -l app=web');
}
