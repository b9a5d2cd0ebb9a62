import { beforeAll, describe, expect, it } from 'vitest';
import { findCondition } from '../../../src/kube/conditions.ts';
import { eventually } from '../../harness/eventually.ts';
import { useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes();
const { namespace, create, patch, until, over, window, tasksOf, kubectl } = freezes;
const app = (name: string) => ({ selector: { matchLabels: { app: name } } });

beforeAll(async () => {
  const [first, second] = freezes.hosts();
  await first.addGuest('web-1', { app: 'web', tier: 'a' });
  await first.addGuest('web-2', { app: 'web' }, { prepareMs: 200 });
  await second.addGuest('web-3', { app: 'web' }, { lateMs: 40 });
  await second.addGuest('off-1', { app: 'mixed' }, { off: true });
  await second.addGuest('on-1', { app: 'mixed' });
  await second.addGuest(
    'stubborn-1',
    { app: 'stubborn' },
    { failsToPrepare: ['HookFailed', 'hook flush exited with 1'] },
  );
  await first.addGuest('stubborn-2', { app: 'stubborn' });
});

describe('a group', () => {
  it('is frozen at one instant across hosts, let go on release, and says what it was worth', async () => {
    const name = await create({ target: app('web') });

    const frozen = await until(name, ({ status }) => status?.phase === 'Frozen');
    const tasks = await tasksOf(name);
    const frozenAt = tasks.map(({ status }) => Date.parse(status?.freeze?.frozenAt ?? ''));
    await patch(name, { release: true });
    const done = await over(name);

    expect(new Set(tasks.map(({ spec }) => spec.freezeAt)).size).toBe(1);
    expect(frozen.metadata.finalizers).toEqual(['qga.dev/thaw']);
    expect(frozen.status).toMatchObject({ guestsFrozen: '3/3', frozen: 3 });
    expect(frozen.status?.skewMilliseconds).toBe(Math.max(...frozenAt) - Math.min(...frozenAt));
    expect(done.status).toMatchObject({ phase: 'Completed', verdict: 'Consistent', endedBy: 'Release' });
    expect(findCondition(done.status?.conditions, 'Completed')).toMatchObject({
      status: 'True',
      message: expect.stringMatching(/^3 guests were frozen together for [\d.]+ s: Consistent$/) as string,
    });
    expect(done.status?.guests?.map(({ name: guest, verdict, endedBy }) => [guest, verdict, endedBy])).toEqual(
      ['web-1', 'web-2', 'web-3'].map((guest) => [guest, 'Consistent', 'Release']),
    );
    await until(name, ({ metadata }) => metadata.finalizers === undefined);
  });

  it('fails at once when one guest can not be prepared, and lets the other go', async () => {
    const name = await create({ target: app('stubborn') });

    const { status } = await over(name, 10_000);

    expect(status).toMatchObject({ phase: 'Failed', failureReason: 'HookFailed', endedBy: 'Failure' });
    expect(status?.guests?.[0]).toMatchObject({ name: 'stubborn-1', reason: 'HookFailed' });
    expect(findCondition(status?.conditions, 'Frozen')).toMatchObject({
      status: 'False',
      message: 'guest stubborn-1 could not be frozen: hook flush exited with 1',
    });
  });

  it('fails without asking anybody when one guest is off, and goes on without it where policy allows', async () => {
    const required = await over(await create({ target: app('mixed') }), 10_000);
    const lenient = await create({ target: app('mixed'), policy: 'BestEffort' });
    await until(lenient, ({ status }) => status?.phase === 'Frozen');
    await patch(lenient, { release: true });
    const done = await over(lenient);

    expect(required.status).toMatchObject({ phase: 'Failed', failureReason: 'GuestNotRunning' });
    expect(await tasksOf(required.metadata.name)).toEqual([]);
    expect(done.status).toMatchObject({
      phase: 'Completed',
      verdict: 'CrashConsistent',
      guestsFrozen: '1/2',
      skipped: 1,
    });
  });

  it('is let go as a whole when somebody else thaws one of it', async () => {
    const [, second] = freezes.hosts();
    second.behave('web-3', { stolenAfterMs: 300 });
    const name = await create({ target: app('web') });

    const { status } = await over(name);
    second.behave('web-3', { stolenAfterMs: Number.POSITIVE_INFINITY });

    expect(status).toMatchObject({ phase: 'Failed', failureReason: 'ConsistencyLost', verdict: 'ConsistencyLost' });
    expect(status?.guests?.[0]).toMatchObject({ name: 'web-3', endedBy: 'Somebody', verdict: 'ConsistencyLost' });
    expect(status?.guests?.[1]).toMatchObject({ endedBy: 'Release', verdict: 'Consistent' });
  });
});

describe('the deadline', () => {
  it('ends a window that nobody releases, and refuses a release that comes afterwards', async () => {
    const name = await create({ target: { guestName: 'web-1' }, maxFrozenSeconds: 1 });

    const { status } = await over(name);

    expect(status).toMatchObject({ phase: 'Completed', endedBy: 'Deadline' });
    await expect(patch(name, { release: true })).rejects.toThrow('too late: this window is over');
  });
});

describe('deleting', () => {
  it('thaws first', async () => {
    const name = await create({ target: { guestName: 'web-1' } });
    await until(name, ({ status }) => status?.phase === 'Frozen');
    const [task] = await tasksOf(name);

    await kubectl('delete', 'ffw', name, '-n', namespace, '--timeout=20s');

    await expect(window(name)).rejects.toThrow('not found');
    const status = await eventually(
      async () =>
        await kubectl('get', 'gtask', task?.metadata.name ?? '', '-n', namespace, '-o', 'jsonpath={.status}').catch(
          () => 'collected',
        ),
      { what: 'the task', timeoutMs: 5000 },
    );
    expect(status === 'collected' || status.includes('"thawedAt"')).toBe(true);
  });

  it('is quick for a window whose guests nobody has asked anything', async () => {
    const name = await create({ target: { guestName: 'nobody' } });
    await until(name, ({ status }) => status?.phase === 'Pending');

    await kubectl('delete', 'ffw', name, '-n', namespace, '--timeout=10s');
  });

  it('keeps a window whose host is silent, and lets it go when the host is declared gone', async () => {
    const host = await freezes.addHost();
    await host.addGuest('lost-1', { app: 'lost' }, { silentOnceHeld: true });
    const name = await create({ target: { guestName: 'lost-1' } });
    await until(name, ({ status }) => status?.phase === 'Frozen');

    await kubectl('delete', 'ffw', name, '-n', namespace, '--wait=false');
    const { status } = await until(name, ({ status: now }) => now?.endedBy === 'Deletion');

    expect(status?.phase).toBe('Thawing');
    await host.declareGone();
    // A GuestHost that is missing counts as gone only after a minute.
    const gone = () =>
      kubectl('get', 'ffw', '-n', namespace, '-o', 'name').then((names) => !names.includes(`/${name}\n`));
    await eventually(gone, { what: 'the window to go', timeoutMs: 90_000, intervalMs: 500 });
  }, 120_000);
});

describe('two windows for one guest', () => {
  it('go one after the other, the later naming the earlier while it waits', async () => {
    const first = await create({ target: app('web') });
    const second = await create({ target: { guestName: 'web-2' } });
    await until(first, ({ status }) => status?.phase === 'Frozen');

    const waiting = await until(second, ({ status }) => status?.phase === 'Pending');
    await patch(first, { release: true });
    await until(second, ({ status }) => status?.phase === 'Frozen');
    await patch(second, { release: true });

    expect(findCondition(waiting.status?.conditions, 'Frozen')).toMatchObject({
      reason: 'GuestBusy',
      message: expect.stringContaining(`taken by FsFreezeWindow ${first}`) as string,
    });
    expect((await over(second)).status?.phase).toBe('Completed');
  });

  it('end in failure when the wait is too long, with the name of whoever holds the guest', async () => {
    const [first] = freezes.hosts();
    first.behave('web-1', { busy: ['GuestBusy', 'guest web-1 is held by task elsewhere/hourly'] });
    const name = await create({ target: app('web'), startingDeadlineSeconds: 1 });

    const { status } = await over(name, 15_000);
    first.behave('web-1', { busy: undefined as never });

    expect(status).toMatchObject({ phase: 'Failed', failureReason: 'GuestBusy' });
    expect(findCondition(status?.conditions, 'Failed')?.message).toContain('held by task elsewhere/hourly');
  });
});

it('goes on where a manager was killed in the midst of a window', async () => {
  const name = await create({ target: app('web'), maxFrozenSeconds: 300 });
  await until(name, ({ status }) => status?.phase === 'Frozen');
  await freezes.manager().kill();

  await patch(name, { release: true });
  await freezes.manager().restart();
  const { status } = await over(name, 60_000);

  expect(status?.phase).toBe('Completed');
  expect(status?.endedBy).toBe('Release');
}, 90_000);

it('tells its story in events, columns and metrics', async () => {
  const name = await create({ target: { guestName: 'web-1' } });
  await until(name, ({ status }) => status?.phase === 'Frozen');
  await patch(name, { release: true });
  await over(name);

  const row = (await kubectl('get', 'ffw', name, '-n', namespace)).split('\n')[1] ?? '';
  expect(row).toMatch(/Completed +1\/1 +Consistent/);
  const events = await eventually(
    async () => {
      const text = await kubectl(
        'get',
        'events',
        '-n',
        namespace,
        '--field-selector',
        `involvedObject.name=${name}`,
        '-o',
        'jsonpath={.items[*].reason}',
      );
      return text.includes('Completed') && text;
    },
    { what: 'the events', timeoutMs: 10_000 },
  );
  expect(events).toContain('Frozen');
  const metrics = await freezes.manager().metrics();
  expect(metrics).toMatch(/qga_freeze_windows_ended_total\{phase="Completed",verdict="Consistent"\} [1-9]/);
  expect(metrics).toMatch(/qga_freeze_window_frozen_seconds_count [1-9]/);
  expect(metrics).toContain('# TYPE qga_host_thaws_owed gauge');
});
