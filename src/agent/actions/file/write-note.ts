import type { Sent } from '../../../guest/journal.ts';
import type { Ending } from '../action.ts';
import type { Placing } from './place-script.ts';

/** What the next life of this process must know of a file that is being written. */
export type WriteNote =
  /** Nothing that anybody sees has been touched: it can be begun anew. */
  | { stage: 'writing'; path: string; handle?: number }
  /** The temporary file is whole, and may be in its place already. */
  | { stage: 'placing'; path: string; placing: Placing }
  /** It failed, and the temporary file is to go. */
  | { stage: 'discarding'; path: string; ending: Ending }
  /** The file itself may be half written. */
  | { stage: 'inPlace'; handle?: number };

export function writeNoteOf(sent: Sent | undefined): WriteNote | undefined {
  return sent?.note as WriteNote | undefined;
}
