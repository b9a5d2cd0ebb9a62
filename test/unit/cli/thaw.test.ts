import { describe, expect, it } from 'vitest';
import { type Guest, ownerUidLabel } from '../../../src/api/resources.ts';
import { parseName } from '../../../src/cli/object-name.ts';
import { planForGuests, planThaw, type ThawObserved } from '../../../src/cli/thaw/plan.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { aFreezeTask, after, aGuest, aWindow, held, lost, noon, thawed } from '../manager/objects.ts';

const web1 = aGuest('web-1');
const web2 = aGuest('web-2');
const nightly = aWindow({}, { phase: 'Frozen' });
const tasks = [aFreezeTask(nightly, web1, held()), aFreezeTask(nightly, web2, held())];

function observed(more: Partial<ThawObserved> = {}): ThawObserved {
  return { windows: [nightly], guests: [web1, web2], tasks, ...more };
}

/** web-1, with what its host says of whether it is frozen. */
function frozen(status: 'True' | 'Unknown', reason: string): Guest {
  const said = { type: 'Frozen', status, reason, message: '' };
  return { ...web1, status: { ...web1.status, conditions: setCondition([], said, noon) } };
}

it('releases a window by its name', () => {
  expect(planThaw(parseName('ffw/nightly'), observed())).toEqual({
    windows: [nightly],
    tasks: [],
    owed: [],
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
  const theirs = frozen('True', 'FrozenBySomebody');

  expect(planThaw(parseName('web-1'), observed({ guests: [theirs], tasks: [] })).strangers).toEqual([theirs]);
  expect(planThaw(parseName('web-1'), observed({ guests: [theirs] })).strangers).toEqual([]);
});

it('says that a window is over', () => {
  const over = aWindow({}, { phase: 'Completed', completionTime: after(0) });

  expect(planThaw(parseName('nightly'), observed({ windows: [over] }))).toMatchObject({ windows: [], over: [over] });
});

describe('a thaw that is owed', () => {
  const over = aWindow({}, { phase: 'Failed', failureReason: 'ThawUnknown', completionTime: after(91_000) });
  const owing = { ...held(), freeze: { ...held().freeze, thawOwed: true } };
  const task = aFreezeTask(over, web1, owing);

  it('is waited for by its task where the window that held the guest is over', () => {
    const seen = observed({ windows: [over], tasks: [task] });

    expect(planThaw(parseName('web-1'), seen)).toEqual({
      windows: [],
      tasks: [task],
      owed: [],
      over: [],
      strangers: [],
    });
    expect(planThaw(parseName('window/nightly'), seen)).toMatchObject({ windows: [], tasks: [task], over: [over] });
  });

  it('is waited for by its task though the host that is silent says only that it holds the guest', () => {
    const silent = aFreezeTask(over, web1, held());

    expect(planThaw(parseName('web-1'), observed({ windows: [over], tasks: [silent] })).tasks).toEqual([silent]);
    expect(planThaw(parseName('nightly'), observed({ windows: [over], tasks: [silent] })).tasks).toEqual([silent]);
  });

  it('is waited for by its task where the window is gone, and where another has its name by now', () => {
    const again = aWindow({}, { phase: 'Frozen' }, { uid: 'uid-of-tonight' });

    expect(planThaw(parseName('web-1'), observed({ windows: [], tasks: [task] })).tasks).toEqual([task]);
    expect(planThaw(parseName('web-1'), observed({ windows: [again], tasks: [task] }))).toMatchObject({
      windows: [],
      tasks: [task],
    });
  });

  it('is waited for by its task where that is no window’s', () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nightly', uid: 'uid-of-backup' };
    const theirs = { ...task, metadata: { ...task.metadata, ownerReferences: [owner] } };

    expect(planThaw(parseName('web-1'), observed({ tasks: [theirs] }))).toMatchObject({ windows: [], tasks: [theirs] });
  });

  it('is waited for though its task is over', () => {
    const left = aFreezeTask(over, web1, { ...lost('Migration', 'it was moved'), freeze: { thawOwed: true } });
    const gone = aFreezeTask(over, web1, { ...owing, phase: 'Unknown', reason: 'HostGone' });

    expect(planThaw(parseName('web-1'), observed({ windows: [over], tasks: [left] })).tasks).toEqual([left]);
    expect(planThaw(parseName('web-1'), observed({ windows: [over], tasks: [gone] })).tasks).toEqual([]);
  });

  it('of a schedule is that of what it made, too', () => {
    const schedule = aWindow({ schedule: '0 2 * * *' }, {}, { name: 'schedule', uid: 'uid-schedule' });
    const made = { ...over, metadata: { ...over.metadata, labels: { [ownerUidLabel]: 'uid-schedule' } } };
    const seen = observed({ windows: [schedule, made], tasks: [task] });

    expect(planThaw(parseName('schedule'), seen)).toMatchObject({ windows: [], tasks: [task], over: [] });
  });

  it('is the host’s where the task is gone, and makes the guest nobody else’s', () => {
    const owed = frozen('Unknown', 'ThawOwed');
    const stillHeld = frozen('True', 'Held');

    expect(planThaw(parseName('web-1'), observed({ guests: [owed], tasks: [] }))).toMatchObject({ owed: [owed] });
    expect(planThaw(parseName('web-1'), observed({ guests: [stillHeld], tasks: [] }))).toMatchObject({
      owed: [stillHeld],
      strangers: [],
    });
    expect(planThaw(parseName('web-1'), observed({ guests: [owed] })).owed).toEqual([]);
  });
});

it('asks which is meant where a guest and a window have one name', () => {
  const same = observed({ guests: [aGuest('nightly')] });

  expect(() => planThaw(parseName('nightly'), same)).toThrow('say guest/nightly or window/nightly');
  expect(planThaw(parseName('window/nightly'), same).windows).toEqual([nightly]);
});

it('knows what it does not know', () => {
  expect(() => planThaw(parseName('nobody'), observed())).toThrow('no guest or window nobody');
});
