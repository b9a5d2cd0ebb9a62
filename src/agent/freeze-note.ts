import type { FreezeHook, FreezeResult } from '../api/schema/freeze.ts';
import type { Hold } from '../guest/hold.ts';
import type { Sent } from '../guest/journal.ts';

/** What the journal keeps of a freeze before there is one: the hooks before it may have begun. */
export interface Preparation {
  stage: 'preparing';
  /** Run in the guest afterwards, though the task be gone. */
  after?: readonly FreezeHook[] | undefined;
  /** It came to nothing: there will be no freeze. */
  ended?: { reason: string; message: string; freeze: FreezeResult };
}

/** What the journal keeps of a freeze. `afterBegan`: of the hooks after it, some may have been sent. */
export type FreezeNote = (Hold | Preparation) & { afterBegan?: true };

/** Undefined before there was anything to keep, and of other actions. */
export function freezeNoteOf(sent: Sent | undefined): FreezeNote | undefined {
  return sent?.action === 'freeze' ? (sent.note as FreezeNote | undefined) : undefined;
}

/** Why there will be no freeze, once that is settled. */
export function endedUnfrozen(sent: Sent | undefined): Preparation['ended'] {
  const note = freezeNoteOf(sent);
  return note?.stage === 'preparing' ? note.ended : undefined;
}

/** The freeze that may be under way, or what became of it. */
export function holdOf(sent: Sent | undefined): Hold | undefined {
  const note = freezeNoteOf(sent);
  return note?.stage === 'preparing' ? undefined : note;
}
