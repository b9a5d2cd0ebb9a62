import { describe, expect, it } from 'vitest';
import { readFileAction } from '../../../../src/agent/actions/file/read-file-action.ts';
import { writeFileAction } from '../../../../src/agent/actions/file/write-file-action.ts';
import { aGuest, aRun, outcomeAfter, type Request, refused } from './file-run.ts';

const content = 'a'.repeat(300_000);

/** A guest that is frozen for `ms` in the midst of a file, when it is asked for `command` for the so-many-th time. */
function frozenAt(command: string, times: number, ms = 5000, answer: (request: Request) => unknown = () => undefined) {
  let asked = 0;
  const world = aGuest({
    answer(request) {
      if (request.execute !== command || ++asked !== times) return answer(request);
      world.guest.frozen = ms > 0;
      world.clock.after(ms, () => (world.guest.frozen = false));
      return refused;
    },
  });
  return world;
}

describe('a freeze in the midst of a file', () => {
  it.each([
    ['guest-file-seek', 1],
    ['guest-file-seek', 2],
    ['guest-file-read', 1],
    ['guest-file-read', 2],
  ])('is waited for where it is read: %s, the time %i', async (command, times) => {
    let at = 0;
    const world = frozenAt(command, times, 5000, ({ execute }) => {
      if (execute === 'guest-file-seek') return { position: 3000, eof: false };
      if (execute !== 'guest-file-read') return undefined;
      at += 1000;
      return { count: 1000, 'buf-b64': btoa('a'.repeat(1000)), eof: at === 3000 };
    });
    const { run } = aRun(world, { readFile: { path: '/x', offset: 1 } });

    const { ending } = await outcomeAfter(world.clock, 60_000, readFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Succeeded', readFile: { bytes: 3000, size: 3000 } });
  });

  it.each([
    ['guest-file-write', 1],
    ['guest-file-write', 2],
    ['guest-file-flush', 1],
    ['guest-file-close', 1],
  ])('is waited for where it is written beside its place: %s, the time %i', async (command, times) => {
    const world = frozenAt(command, times);
    const { run } = aRun(world, { writeFile: { path: '/etc/x', content } });

    const { ending } = await outcomeAfter(world.clock, 60_000, writeFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Succeeded', writeFile: { atomic: true } });
    expect(world.kept().toString()).toBe(content);
  });

  it.each([
    ['guest-file-write', 1],
    ['guest-file-write', 3],
    ['guest-file-flush', 1],
  ])('leaves no file half written in its place: %s, the time %i', async (command, times) => {
    const world = frozenAt(command, times);
    if (world.live.health.state === 'answers') world.live.health.facts.agent = { version: '10', allowedCommands: [] };
    const { run } = aRun(world, { writeFile: { path: '/etc/x', content } });

    const { ending } = await outcomeAfter(world.clock, 60_000, writeFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Succeeded', writeFile: { atomic: false } });
    expect(world.kept().toString()).toBe(content);
  });

  it('is told from a reason of the agent’s own though it be over before anybody can ask', async () => {
    const world = frozenAt('guest-file-write', 1, 0);
    const { run } = aRun(world, { writeFile: { path: '/etc/x', content } });

    const { ending } = await outcomeAfter(world.clock, 60_000, writeFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Succeeded' });
  });

  it('has a file that could not be opened opened later', async () => {
    const world = frozenAt('guest-file-open', 1);
    const { run } = aRun(world, { readFile: { path: '/x' } });

    expect(await outcomeAfter(world.clock, 60_000, readFileAction.run(run))).toEqual({ over: true, ending: undefined });
  });

  it('does not have a file put in place after its deadline', async () => {
    const world = frozenAt('guest-file-write', 1, 120_000);
    const { run, reachDeadline } = aRun(world, { writeFile: { path: '/etc/x', content } });
    world.clock.after(60_000, reachDeadline);

    const { ending } = await outcomeAfter(world.clock, 200_000, writeFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(world.scripts().join('\n')).not.toContain('mv -f');
  });
});

it('has what a guest refuses twice refused', async () => {
  const world = aGuest({ answer: ({ execute }) => (execute === 'guest-file-write' ? refused : undefined) });
  const { run } = aRun(world, { writeFile: { path: '/etc/x', content } });

  const { ending } = await outcomeAfter(world.clock, 60_000, writeFileAction.run(run));

  expect(ending).toMatchObject({ phase: 'Failed', reason: 'WriteFailed' });
  expect(world.commands().filter((each) => each === 'guest-file-write')).toHaveLength(2);
});
