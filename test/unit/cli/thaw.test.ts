import { expect, it } from 'vitest';
import { parseName } from '../../../src/cli/object-name.ts';
import { planForGuests, planThaw, type ThawObserved } from '../../../src/cli/thaw/plan.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { aFreezeTask, after, aGuest, aWindow, held, noon, thawed } from '../manager/objects.ts';

const web1 = aGuest('web-1');
const web2 = aGuest('web-2');
const nightly = aWindow({}, { phase: 'Frozen' });
const tasks = [aFreezeTask(nightly, web1, held()), aFreezeTask(nightly, web2, held())];

function observed(more: Partial<ThawObserved> = {}): ThawObserved {
  return { windows: [nightly], guests: [web1, web2], tasks, ...more };
}

it('releases a window by its name', () => {
  expect(planThaw(parseName('ffw/nightly'), observed())).toEqual({
    windows: [nightly],
    tasks: [],
    over: [],
    strangers: [],
  });
});

it('releases what holds a guest, once though it holds several', () => {
  expect(planThaw(parseName('web-1'), observed()).windows).toEqual([nightly]);
  expect(planForGuests([web1, web2], observed()).windows).toEqual([nightly]);
});

it('leaves alone what has let go already', () => {
  const over = [aFreezeTask(nightly, web1, thawed())];
  expect(planThaw(parseName('web-1'), observed({ tasks: over })).windows).toEqual([]);
});

it('releases a freeze that a person made without a window', () => {
  const [mine] = tasks.map((task) => ({ ...task, metadata: { name: 'mine', namespace: 'team-a' } }));

  expect(planThaw(parseName('web-1'), observed({ tasks: mine ? [mine] : [] }))).toMatchObject({
    tasks: [mine],
    windows: [],
  });
});

it('releases of a schedule what it has going on', () => {
  const schedule = aWindow({ schedule: '0 2 * * *' }, { active: ['nightly'] }, { name: 'schedule' });

  expect(planThaw(parseName('schedule'), observed({ windows: [schedule, nightly] })).windows).toEqual([nightly]);
});

it('tells apart a guest that somebody else froze', () => {
  const said = { type: 'Frozen', status: 'True', reason: 'FrozenBySomebody', message: '' } as const;
  const frozen = { ...web1, status: { ...web1.status, conditions: setCondition([], said, noon) } };

  expect(planThaw(parseName('web-1'), observed({ guests: [frozen], tasks: [] })).strangers).toEqual([frozen]);
  expect(planThaw(parseName('web-1'), observed({ guests: [frozen] })).strangers).toEqual([]);
});

it('says that a window is over', () => {
  const over = aWindow({}, { phase: 'Completed', completionTime: after(0) });

  expect(planThaw(parseName('nightly'), observed({ windows: [over] }))).toMatchObject({ windows: [], over: [over] });
});

it('asks which is meant where a guest and a window have one name', () => {
  const same = observed({ guests: [aGuest('nightly')] });

  expect(() => planThaw(parseName('nightly'), same)).toThrow('say guest/nightly or window/nightly');
  expect(planThaw(parseName('window/nightly'), same).windows).toEqual([nightly]);
});

it('knows what it does not know', () => {
  expect(() => planThaw(parseName('nobody'), observed())).toThrow('no guest or window nobody');
});
