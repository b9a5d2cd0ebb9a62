import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FsFreezeWindow } from '../../src/api/resources.ts';
import { findCondition } from '../../src/kube/conditions.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';
import { namespace, useOperator } from './operator-fixture.ts';

const { manager } = useOperator('window-node');
/** The console tells of a write that much after it was done, at most. */
const consoleMs = 200;
const { apply, get, kubectl } = sharedCluster();
const web = { selector: { matchLabels: { app: 'web' } } };
let writes: WriteWatcher[] = [];
let windows = 0;

beforeAll(async () => {
  const guests = [await sharedGuest('web-1'), await sharedGuest('web-2')];
  writes = await Promise.all(guests.map((guest) => watchWrites(guest)));
  // The manager makes no task before the agent has told of them.
  await kubectl('wait', 'guest', '-l', 'app=web', '-n', namespace, '--for=condition=AgentConnected', '--timeout=60s');
});
afterAll(async () => {
  for (const each of writes) await each.stop();
});

async function create(spec: object): Promise<string> {
  const name = `window-${++windows}`;
  await apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'FsFreezeWindow', metadata: { name, namespace }, spec });
  return name;
}

async function until(name: string, test: (window: FsFreezeWindow) => boolean): Promise<FsFreezeWindow> {
  let last: FsFreezeWindow | undefined;
  return await eventually(
    async () => {
      last = await get<FsFreezeWindow>('ffw', name, namespace);
      return test(last) ? last : undefined;
    },
    {
      what: `window ${name}`,
      timeoutMs: 90_000,
      intervalMs: 100,
      hint: () => JSON.stringify(last?.status, undefined, 1),
    },
  );
}

const isFrozen = ({ status }: FsFreezeWindow) => status?.phase === 'Frozen';
const isOver = ({ status }: FsFreezeWindow) => status?.completionTime !== undefined;
const release = (name: string) =>
  kubectl('patch', 'ffw', name, '-n', namespace, '--type=merge', '-p', '{"spec":{"release":true}}');

it('holds a group of guests still at one time, and says so only of guests that write nothing', async () => {
  const name = await create({ target: web, mountpoints: ['/data'], maxFrozenSeconds: 60 });

  const frozen = await until(name, isFrozen);
  await Promise.all(writes.map((each) => seenFrozen(each)));
  await delay(2 * consoleMs);
  await release(name);
  const { status } = await until(name, isOver);
  await Promise.all(writes.map((each) => each.nextWrite()));

  expect(frozen.status).toMatchObject({ guestsFrozen: '2/2' });
  expect(status).toMatchObject({ phase: 'Completed', verdict: 'Consistent', endedBy: 'Release' });
  for (const { verdict, filesystems } of status?.guests ?? []) {
    expect({ verdict, filesystems }).toEqual({
      verdict: 'Consistent',
      filesystems: { expected: 1, frozen: 1, thawed: 1 },
    });
  }
  expectStillness(status);
});

/** While all were frozen by the window's evidence, no guest wrote anything. */
function expectStillness(status: FsFreezeWindow['status']): void {
  const [from, to] = provenInterval(status);
  expect(to).toBeGreaterThan(from);
  for (const each of writes) {
    const intervals = each.frozenIntervals();
    expect(intervals.filter((interval) => interval.from <= from && (interval.to ?? to) >= to)).toHaveLength(1);
  }
}

/** Resolves when the guest's own writer is held still. */
async function seenFrozen(writer: WriteWatcher): Promise<void> {
  const isHeld = () => {
    const last = writer.frozenIntervals().at(-1);
    return last !== undefined && last.to === undefined;
  };
  await eventually(isHeld, { what: 'the writer to be held still', timeoutMs: 20_000, intervalMs: 50 });
}

/** From when all were frozen until the first thaw was sent. */
function provenInterval(status: FsFreezeWindow['status']): [number, number] {
  const guests = status?.guests ?? [];
  const from = Math.max(...guests.map(({ frozenAt }) => Date.parse(frozenAt ?? '')));
  return [from + consoleMs, Math.min(...guests.map(({ thawRequestedAt }) => Date.parse(thawRequestedAt ?? '')))];
}

it('lets go of all when somebody thaws one, and never calls that consistent', async () => {
  const name = await create({ target: web, maxFrozenSeconds: 120 });
  await until(name, isFrozen);

  await sharedHypervisor().virsh(['domfsthaw', 'web-1']);
  const { status } = await until(name, isOver);

  expect(status).toMatchObject({ phase: 'Failed', failureReason: 'ConsistencyLost', verdict: 'ConsistencyLost' });
  expect(status?.guests?.[0]).toMatchObject({ name: 'web-1', verdict: 'ConsistencyLost', endedBy: 'Somebody' });
  await Promise.all(writes.map((each) => each.nextWrite(5000)));
});

it('fails at once with a mountpoint that a guest does not have, and freezes nobody', async () => {
  const name = await create({ target: web, mountpoints: ['/nowhere'] });

  const { status } = await until(name, isOver);

  expect(status).toMatchObject({ phase: 'Failed', failureReason: 'UnknownMountpoint', guestsFrozen: '0/2' });
  expect(findCondition(status?.conditions, 'Frozen')?.message).toContain('/nowhere');
});

it('thaws when it is deleted, and goes only then', async () => {
  const name = await create({ target: web, maxFrozenSeconds: 120 });
  await until(name, isFrozen);
  await Promise.all(writes.map((each) => seenFrozen(each)));

  await kubectl('delete', 'ffw', name, '-n', namespace, '--timeout=30s');

  await Promise.all(writes.map((each) => each.nextWrite(3000)));
});

it('runs hooks around the freeze, and does without a guest that fails one where policy allows', async () => {
  const hooks = { before: [{ name: 'only-web-1', command: ['sh', '-c', 'test "$(hostname)" = web-1'] }] };
  const name = await create({ target: web, policy: 'BestEffort', hooks });

  const frozen = await until(name, isFrozen);
  await release(name);
  const { status } = await until(name, isOver);

  expect(frozen.status).toMatchObject({ guestsFrozen: '1/2', skipped: 1 });
  expect(status).toMatchObject({ phase: 'Completed', verdict: 'CrashConsistent' });
  expect(status?.guests?.[0]).toMatchObject({ name: 'web-2', reason: 'HookFailed', verdict: 'CrashConsistent' });
});

describe('without a manager', () => {
  it.each([
    ['killed', 'SIGKILL', () => manager().restart()],
    ['stopped', 'SIGSTOP', () => manager().kill('SIGCONT')],
  ] as const)('the guests of a window are thawed at its deadline: it was %s', async (_, signal, heal) => {
    const name = await create({ target: web, mountpoints: ['/data'], maxFrozenSeconds: 4 });
    await until(name, isFrozen);
    await Promise.all(writes.map((each) => seenFrozen(each)));

    await manager().kill(signal);

    await Promise.all(writes.map((each) => each.nextWrite(10_000)));
    await heal();
    const { status } = await until(name, isOver);
    expect(status).toMatchObject({ phase: 'Completed', verdict: 'Consistent', endedBy: 'Deadline' });
    expectStillness(status);
  });
});
