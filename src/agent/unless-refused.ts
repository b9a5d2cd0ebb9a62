import { AgentError } from '../qga/errors.ts';

/** What a guest's agent answers; undefined when it refuses. */
export async function unlessRefused<R>(answer: Promise<R>): Promise<R | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
    throw error;
  }
}
