import { expect, it } from 'vitest';
import { apiVersion, fsFreezeWindows, guests, guestTasks } from '../../src/api/resources.ts';
import { isTrue } from '../../src/kube/conditions.ts';
import { thawedInTime } from './freeze-invariants.ts';
import { freezeScenario } from './freeze-scenario.ts';
import { nothingLeft } from './invariants.ts';
import type { Scenario } from './scenario.ts';
import { simulate } from './simulate.ts';
import type { SimulatedGuest } from './simulated-guest.ts';
import type { World } from './world.ts';

const namespace = 'default';
const hosts = [
  { node: 'hv1', guests: ['db-1'] },
  { node: 'hv2', guests: [] },
];
const minuteMs = 60_000;
/** The weather has cleared up by then, and nobody heals guests any more. */
const leavesAt = 25_000;

/** One guest is frozen, leaves while it is, and comes back long after every deadline. */
function leaving(leave: (world: World, guest: SimulatedGuest) => void, looks: Map<number, string[]>): Scenario {
  return {
    begin(world) {
      const { timeline } = world;
      const guest = world.guests[0] as SimulatedGuest;
      world.truth.longestAskedMs = minuteMs;
      timeline.in(leavesAt - 15_000, () => applyWindow(world, guest));
      timeline.in(leavesAt, () => leave(world, guest));
      for (const minutes of looks.keys()) {
        timeline.in(leavesAt + minutes * minuteMs, () => looks.set(minutes, owing(world)));
      }
    },
    open: freezeScenario.open,
  };
}

function applyWindow({ api }: World, { name }: SimulatedGuest): void {
  api.create(fsFreezeWindows, {
    apiVersion,
    kind: 'FsFreezeWindow',
    metadata: { name: 'backup', namespace },
    spec: {
      target: { guestName: name },
      maxFrozenSeconds: minuteMs / 1000,
      consistency: 'Group',
      policy: 'Required',
      startingDeadlineSeconds: 30,
    },
  });
}

/** Of which objects it is said that a thaw is owed. */
function owing({ api }: World): string[] {
  return [
    ...api.list(guestTasks).items.filter(({ status }) => status?.freeze?.thawOwed),
    ...api.list(guests).items.filter(({ status }) => isTrue(status?.conditions, 'ThawOwed')),
    ...api.list(fsFreezeWindows).items.filter(({ status }) => isTrue(status?.conditions, 'ThawOwed')),
  ].map(({ kind }) => kind ?? '');
}

async function course(seed: number, leave: (world: World, guest: SimulatedGuest) => void, minutes: readonly number[]) {
  const looks = new Map<number, string[]>(minutes.map((each) => [each, []]));
  const { violations, world } = await simulate({
    seed,
    profile: { name: 'none' },
    hosts,
    // No guard would thaw it.
    bare: true,
    scenarios: [leaving(leave, looks)],
    invariants: [nothingLeft, thawedInTime],
  });
  const [task] = world.api.list(guestTasks).items;
  const { phase, message, freeze } = task?.status ?? {};
  const ends = new Set(world.truth.frozen.map(({ end }) => end?.by));
  return { violations, looks: [...looks.values()], phase, message, owed: freeze?.thawOwed, ends: [...ends], world };
}

it('thaws a guest that was saved to disk while it was frozen when it is restored, and owes that until then', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { world, ...came } = await course(
      seed,
      ({ timeline }, guest) => {
        guest.save();
        timeline.in(10 * minuteMs, () => guest.powerOn());
      },
      [1, 9],
    );

    expect({ seed, ...came }).toEqual({
      seed,
      violations: [],
      looks: [
        ['GuestTask', 'Guest', 'FsFreezeWindow'],
        ['GuestTask', 'Guest', 'FsFreezeWindow'],
      ],
      phase: 'Failed',
      message: 'the guest was saved to disk while it was frozen',
      owed: undefined,
      ends: ['thaw'],
    });
    expect(owing(world)).toEqual([]);
  }
});

it('thaws a guest that moved to a host whose agent is away for longer than any move takes', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { world, ...came } = await course(
      seed,
      ({ nodes: [from, to] }, guest) => {
        to?.process?.standStill(6 * minuteMs);
        if (from && to) from.host.moveAway(guest, to.host);
      },
      [5.9],
    );

    expect({ seed, ...came }).toMatchObject({ seed, violations: [], owed: undefined, ends: ['thaw'] });
    expect(came.looks[0]).toEqual(expect.arrayContaining(['GuestTask', 'FsFreezeWindow']));
    expect(owing(world)).toEqual([]);
  }
});
