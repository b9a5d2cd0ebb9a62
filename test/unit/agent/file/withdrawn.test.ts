import { expect, it } from 'vitest';
import { DeadlineReached, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { readFileAction } from '../../../../src/agent/actions/file/read-file-action.ts';
import { writeFileAction } from '../../../../src/agent/actions/file/write-file-action.ts';
import { callPriority } from '../../../../src/guest/guest-agent.ts';
import { guestFstrim } from '../../../../src/qga/commands.ts';
import { aGuest, aRun, outcomeAfter } from './file-run.ts';

/** A guest without a shell whose agent is held up by something long. */
function aBusyGuest() {
  let release = () => {};
  const held = new Promise<object>((resolve) => (release = () => resolve({ paths: [] })));
  const world = aGuest({ answer: ({ execute }) => (execute === 'guest-fstrim' ? held : undefined) });
  world.live.health = { state: 'answers', facts: { agent: { version: '10', allowedCommands: [] } } };
  void world.live.agent.call(guestFstrim, {}, { priority: callPriority.action });
  return { world, release };
}

it.each([
  ['read', readFileAction, { readFile: { path: '/x' } }],
  ['write', writeFileAction, { writeFile: { path: '/x', content: 'a' } }],
] as const)('a %s that still waits for the guest’s turn at its deadline is not begun', async (_, action, spec) => {
  const { world, release } = aBusyGuest();
  const { run, withdraw } = aRun(world, spec);
  world.clock.after(60_000, () => withdraw.abort(new DeadlineReached()));

  const { ending } = await outcomeAfter(world.clock, 61_000, action.run(run));
  release();
  await world.clock.advance(60_000);

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  expect(world.commands()).toEqual(['guest-fstrim']);
});

it('a file is not emptied for a task that was deleted while it waited for the guest’s turn', async () => {
  const { world, release } = aBusyGuest();
  const { run, withdraw } = aRun(world, { writeFile: { path: '/x', content: 'a' } });
  world.clock.after(60_000, () => withdraw.abort(new TaskDeleted()));

  const { error } = await outcomeAfter(world.clock, 61_000, writeFileAction.run(run));
  release();
  await world.clock.advance(60_000);

  expect(error).toBeInstanceOf(TaskDeleted);
  expect(world.commands()).toEqual(['guest-fstrim']);
});
