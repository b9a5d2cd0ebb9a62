import { describe, expect, it } from 'vitest';
import { readFileAction } from '../../../../src/agent/actions/file/read-file-action.ts';
import { writeFileAction } from '../../../../src/agent/actions/file/write-file-action.ts';
import type { Logger } from '../../../../src/observability/log.ts';
import { aGuest, aRun, late, outcomeAfter, type TestGuest } from './file-run.ts';

const minutes = 60_000;
const sentBefore = {
  guest: 'uuid',
  action: 'readFile',
  bootId: 'b1',
  note: { stage: 'writing', path: '/x', handle: 7 },
};
const actions = [
  ['read', readFileAction, { readFile: { path: '/x' } }],
  ['write', writeFileAction, { writeFile: { path: '/x', content: 'a' } }],
] as const;

const closes = ({ commands }: TestGuest) => commands().filter((each) => each === 'guest-file-close').length;

describe.each(actions)('a %s whose file an earlier life of the process left open', (_, action, spec) => {
  it('ends at its deadline where the guest is off, with which its handles went', async () => {
    const world = aGuest();
    world.guest.state = 'shutoff';
    world.live.health = { state: 'unknown' };
    const { run, reachDeadline } = aRun(world, spec, { sentBefore });
    reachDeadline();

    const { ending } = await outcomeAfter(world.clock, 1 * minutes, action.run(run));

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it('ends soon after its deadline where the guest can not be reached', async () => {
    const world = aGuest({ answer: () => late });
    world.live.health = { state: 'unknown' };
    const { run, reachDeadline } = aRun(world, spec, { sentBefore });
    world.clock.after(2 * minutes, reachDeadline);

    const { ending } = await outcomeAfter(world.clock, 20 * minutes, action.run(run));

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it('closes it when the guest is thawed, though its deadline be over', async () => {
    const world = aGuest({
      answer: ({ execute }) =>
        execute === 'guest-file-read' ? { count: 2, 'buf-b64': btoa('b1'), eof: true } : undefined,
    });
    world.guest.frozen = true;
    world.live.health = { state: 'frozen', since: 0 };
    const { run, reachDeadline } = aRun(world, spec, { sentBefore });
    reachDeadline();
    world.clock.after(5 * minutes, () => (world.guest.frozen = false));

    const { ending } = await outcomeAfter(world.clock, 6 * minutes, action.run(run));

    expect(ending).toMatchObject({ reason: 'DeadlineExceeded' });
    // The other one is the boot id's.
    expect(closes(world)).toBe(2);
  });

  it.each([
    ['is off', (world: TestGuest) => (world.guest.state = 'shutoff')],
    ['can not be reached', () => {}],
  ])('is parted from in the end where its guest %s and the task was deleted', async (_why, happen) => {
    const world = aGuest({ answer: () => late });
    world.live.health = { state: 'unknown' };
    happen(world);
    const { run } = aRun(world, spec);
    const logger = {} as Logger;

    const { over, error } = await outcomeAfter(
      world.clock,
      40 * minutes,
      action.abandon?.('uid', { ...run, sent: sentBefore, logger }),
    );

    expect(error).toBeUndefined();
    expect(over).toBe(true);
  });
});

it('leaves alone what has its number in another boot', async () => {
  const world = aGuest();
  const { run } = aRun(world, { readFile: { path: '/x' } }, { sentBefore: { ...sentBefore, bootId: 'b0' } });

  const { ending } = await outcomeAfter(world.clock, 0, readFileAction.run(run));

  expect(ending).toMatchObject({ phase: 'Succeeded' });
  expect(closes(world)).toBe(1);
});

describe('a write that was claimed', () => {
  const spec = { writeFile: { path: '/x', content: 'a' } };

  it('is put back where the guest’s agent no longer answers: the task tells what it waits for', async () => {
    const world = aGuest();
    world.live.health = { state: 'silent', message: 'late' };
    const { run } = aRun(world, spec);

    expect(await outcomeAfter(world.clock, 1 * minutes, writeFileAction.run(run))).toEqual({
      over: true,
      ending: undefined,
    });
    expect(world.commands()).toEqual([]);
  });

  it('and begun ends at its deadline though the guest’s agent never answers again', async () => {
    const world = aGuest({ answer: () => late });
    world.live.health = { state: 'unknown' };
    const { run, reachDeadline } = aRun(world, spec, {
      sentBefore: { ...sentBefore, note: { stage: 'writing', path: '/x' } },
    });
    world.clock.after(5 * minutes, reachDeadline);

    const { ending } = await outcomeAfter(world.clock, 60 * minutes, writeFileAction.run(run));

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });
});
