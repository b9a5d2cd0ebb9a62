import type { Sent } from '../../../guest/journal.ts';

/** What the next life of this process must know of a command that succeeds without an answer. */
export interface EffectNote {
  /** Milliseconds since the epoch; what was journalled without a note was not sent. */
  sentAt: number;
  /** The guest is to be woken again. */
  wakes?: boolean;
  /** It was seen to be suspended. */
  suspended?: boolean;
}

export function effectNoteOf(sent: Sent | undefined): EffectNote | undefined {
  return sent?.note as EffectNote | undefined;
}
