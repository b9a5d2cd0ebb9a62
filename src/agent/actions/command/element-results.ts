import type { CommandResult } from '../../../api/schema/command-action.ts';
import type { Ending } from '../action.ts';

export interface Element {
  id: number;
  online: boolean;
}

/** What the guest says of one element. */
export interface Said {
  done: boolean;
  /** The guest's errno. */
  errorCode?: number | undefined;
}

type ElementResult = NonNullable<CommandResult['elements']>[number];

/** What became of each element, by how it was before and is now; by what the guest says of it where that isn't known. */
export function elementResults(
  asked: readonly Element[],
  before: ReadonlyMap<number, boolean> | undefined,
  after: ReadonlyMap<number, boolean> | undefined,
  said: ReadonlyMap<number, Said>,
): ElementResult[] {
  return asked.map(({ id, online }) => {
    const { done = true, errorCode } = said.get(id) ?? {};
    return {
      id,
      asked: online ? 'Online' : 'Offline',
      result: resultOf(online, before?.get(id), after && (after.get(id) ?? 'missing'), done),
      ...(errorCode && { errorCode }),
    };
  });
}

/** How the command ended. What could not be read back is told by what the guest says, if it says anything. */
export function elementsEnding(
  results: readonly ElementResult[],
  said: ReadonlyMap<number, Said>,
  noun: string,
): Pick<Ending, 'phase' | 'reason' | 'message'> {
  const many = (some: readonly ElementResult[]) => `${some.length} of ${results.length} ${noun}`;
  const failed = results.filter(({ result }) => result === 'Failed');
  if (failed.length > 0) {
    const message = `${many(failed)} are not as asked: the guest would not`;
    return { phase: 'Failed', reason: 'NotAllChanged', message };
  }
  const unread = results.filter(({ result }) => result === 'Unknown');
  const unsaid = unread.filter(({ id }) => !said.has(id));
  if (unsaid.length > 0) {
    const message = `the guest says nothing of ${many(unsaid)}, and they could not be read back`;
    return { phase: 'Unknown', reason: 'OutcomeUnknown', message };
  }
  const message = unread.length > 0 ? 'the guest says that it did so: it could not be read back' : '';
  return { phase: 'Succeeded', reason: 'Completed', message };
}

function resultOf(
  asked: boolean,
  before: boolean | undefined,
  after: boolean | 'missing' | undefined,
  done: boolean,
): ElementResult['result'] {
  if (after !== undefined) {
    if (after !== asked) return 'Failed';
    return before === asked ? 'Unchanged' : 'Changed';
  }
  if (done) return 'Unknown';
  return before === asked ? 'Unchanged' : 'Failed';
}
