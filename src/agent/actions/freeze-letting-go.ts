import type { GuestTask } from '../../api/resources.ts';
import { isTaskOver } from '../../api/tasks.ts';
import type { HoldEnding } from '../../guest/hold.ts';
import { type ActionRun, DeadlineReached } from './action.ts';

/** Nobody wants the guest frozen any longer. */
export class LetGo extends Error {
  override readonly name = 'LetGo';
  readonly ending: HoldEnding;

  constructor(ending: HoldEnding) {
    super(`let go: ${ending.by}`);
    this.ending = ending;
  }
}

/** Aborts with a LetGo when the task is released, deleted, declared over by somebody, or at its deadline. */
export function lettingGo(run: ActionRun): AbortSignal {
  const letGo = new AbortController();
  const look = (task: GuestTask) => {
    const ending = endingAskedFor(task);
    if (ending) letGo.abort(new LetGo(ending));
  };
  const withdraw = () =>
    letGo.abort(new LetGo({ by: run.withdrawn.reason instanceof DeadlineReached ? 'Deadline' : 'Deletion' }));
  run.onUpdate(look);
  run.withdrawn.addEventListener('abort', withdraw, { once: true });
  if (run.withdrawn.aborted) withdraw();
  look(run.latest());
  return letGo.signal;
}

function endingAskedFor(task: GuestTask): HoldEnding | undefined {
  if (task.spec.release) return { by: 'Release' };
  if (task.metadata.deletionTimestamp || isTaskOver(task)) return { by: 'Deletion' };
  return undefined;
}
