import { beforeAll, expect, it } from 'vitest';
import type { FsFreezeWindow } from '../../../src/api/resources.ts';
import { findCondition } from '../../../src/kube/conditions.ts';
import { eventually } from '../../harness/eventually.ts';
import { useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes();
const { namespace, create, until, kubectl } = freezes;

beforeAll(async () => {
  await freezes.hosts()[0].addGuest('web-1', { app: 'web' });
});

async function madeBy(schedule: string): Promise<FsFreezeWindow[]> {
  const list: { items: FsFreezeWindow[] } = JSON.parse(await kubectl('get', 'ffw', '-n', namespace, '-o', 'json'));
  return list.items.filter(({ metadata }) => metadata.ownerReferences?.[0]?.name === schedule);
}

it('makes a window at its instant, which leaves a receipt', async () => {
  const name = await create({ target: { guestName: 'web-1' }, schedule: '* * * * *', maxFrozenSeconds: 1 }, 'minutely');
  const waiting = await until(name, ({ status }) => status?.phase === 'Scheduled');

  const receipt = await eventually(
    async () => (await madeBy(name)).find(({ status }) => status?.completionTime !== undefined),
    { what: 'a receipt', timeoutMs: 90_000, intervalMs: 500 },
  );
  const { status } = await until(name, (window) => window.status?.lastSuccessfulTime !== undefined);

  const minute = waiting.status?.nextScheduleTime?.replace(/\D/g, '').slice(0, 12);
  expect(receipt.metadata.name).toBe(`minutely-${minute}`);
  expect(receipt.status).toMatchObject({ phase: 'Completed', verdict: 'Consistent' });
  expect(status).toMatchObject({ lastScheduleTime: waiting.status?.nextScheduleTime, verdict: 'Consistent' });
  await kubectl('delete', 'ffw', name, '-n', namespace);
  await eventually(async () => (await madeBy(name)).length === 0, { what: 'the receipts to go', timeoutMs: 30_000 });
}, 150_000);

it.each([
  ['a schedule that never comes', { schedule: '0 0 30 2 *' }, 'there is no such day'],
  ['a time zone that is nowhere', { schedule: '@daily', timeZone: 'Mars/Olympus' }, 'no time zone "Mars/Olympus"'],
])('says what is wrong with %s', async (_, spec, sentence) => {
  const name = await create({ target: { guestName: 'web-1' }, ...spec });

  const { status } = await until(name, (window) => window.status?.phase === 'Failed');

  expect(status?.failureReason).toBe('InvalidSchedule');
  expect(findCondition(status?.conditions, 'Failed')?.message).toContain(sentence);
});

it('makes nothing while it is suspended', async () => {
  const name = await create({ target: { guestName: 'web-1' }, schedule: '* * * * *', suspend: true });

  const { status } = await until(name, (window) => window.status?.phase === 'Suspended');

  expect(status?.nextScheduleTime).toBeUndefined();
});
