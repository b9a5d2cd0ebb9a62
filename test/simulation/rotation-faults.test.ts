import { describe, expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../src/api/resources.ts';
import { aGuest, aRotation } from '../unit/manager/objects.ts';
import { type Act, RotationWorld, SteppedClock } from '../unit/support/rotation-world.ts';
import { Chance } from './chance.ts';

const seeds = 10_000;
const stepsPerSeed = 24;

const acts: Act[] = ['claim', 'set', 'set', 'set', 'set', 'setAndDie', 'fail', 'refuse', 'loseOutcome', 'undelivered'];

interface Story {
  world: RotationWorld;
  clock: SteppedClock;
  chance: Chance;
  told: string[];
  /** Whether a person changed the policy: then a pending password may have become a previous one. */
  policyChanged: boolean;
}

function begin(seed: number): Story {
  const chance = new Chance(seed);
  const clock = new SteppedClock();
  const rotation = aRotation({ interval: '1h', backoffLimit: 2, drift: chance.pick(['Report', 'Enforce'] as const) });
  const world = new RotationWorld({ rotation, guest: aGuest('web-1'), clock, next: () => chance.next() });
  const story: Story = { world, clock, chance, told: [], policyChanged: false };
  world.onEffect = (what) => {
    story.told.push(`${what}: ${JSON.stringify(world.passwords())}, live ${world.live}`);
    expectToOpen(story, seed);
  };
  return story;
}

/** Rule 3: a password that the guest accepts is in the Secret, as the current or the pending one. */
function expectToOpen({ world, policyChanged, told }: Story, seed: number): void {
  if (world.live === undefined) return;
  const passwords = world.passwords();
  const opens = policyChanged ? Object.values(passwords) : [passwords['password'], passwords['pending-password']];
  if (!opens.includes(world.live)) throw new Error(`seed ${seed}: nothing opens the account\n${told.join('\n')}`);
}

async function happen({ world, clock, chance, ...story }: Story): Promise<Partial<Story>> {
  const what = chance.next();
  const tasks = world.openTasks();
  const task = tasks.length > 0 ? chance.pick(tasks) : undefined;
  if (what < 0.45) {
    if (chance.happens(0.8)) world.syncAll();
    await world.reconcile();
  } else if (what < 0.5) world.sync();
  else if (what < 0.8) {
    if (task) world.act(task, chance.pick(acts));
  } else if (what < 0.85) world.restartManager();
  else if (what < 0.88) clock.advance(chance.pick([1000, 15_000, 40_000, 3_700_000]));
  else if (what < 0.93) annotate(world, String(chance.next()));
  else if (what < 0.95)
    world.rotation = { ...world.rotation, spec: { ...world.rotation.spec, suspend: chance.happens(0.5) } };
  else if (what < 0.97) editLabels(world);
  else if (what < 0.98) removeTask(world, chance);
  else if (what < 0.985) {
    const passwordPolicy = { ...world.rotation.spec.passwordPolicy, length: chance.pick([20, 24, 28]) };
    world.rotation = { ...world.rotation, spec: { ...world.rotation.spec, passwordPolicy } };
    return { policyChanged: true };
  } else if (what < 0.99) {
    const hash = chance.pick(['sha512crypt', 'None'] as const);
    world.rotation = { ...world.rotation, spec: { ...world.rotation.spec, hash } };
  }
  return { policyChanged: story.policyChanged };
}

function annotate(world: RotationWorld, value: string): void {
  const { metadata } = world.rotation;
  world.rotation = { ...world.rotation, metadata: { ...metadata, annotations: { [rotateNowAnnotation]: value } } };
}

/** As Argo CD or a person may, beside the manager. */
function editLabels(world: RotationWorld): void {
  const secret = world.secret();
  if (!secret) return;
  world.put('secrets/web-1-app', {
    ...secret,
    metadata: { ...secret.metadata, labels: { ...secret.metadata.labels, seen: 'yes' } },
  });
}

function removeTask(world: RotationWorld, chance: Chance): void {
  const keys = [...world.objects.keys()].filter((key) => key.startsWith('guesttasks/'));
  if (keys.length > 0) world.objects.delete(chance.pick(keys));
}

/** Nothing fails any more, and a person takes up again what was parked. */
async function settle({ world, clock, chance }: Story): Promise<void> {
  world.faultOf = () => 'none';
  world.rotation = { ...world.rotation, spec: { ...world.rotation.spec, suspend: false } };
  annotate(world, `last-${chance.next()}`);
  for (let round = 0; round < 40; round += 1) {
    world.syncAll();
    await world.reconcile();
    for (const task of world.openTasks()) world.act(task, 'set');
    clock.advance(round < 10 ? 1000 : 61_000);
  }
}

it(`keeps a password that opens the account in the Secret, whatever fails between any two effects (${seeds} seeds)`, async () => {
  let rotated = 0;
  for (let seed = 1; seed <= seeds; seed += 1) {
    const story = begin(seed);
    const { world, chance } = story;
    world.faultOf = () => (chance.happens(0.1) ? chance.pick(['lost', 'answerLost'] as const) : 'none');
    for (let step = 0; step < stepsPerSeed; step += 1) Object.assign(story, await happen(story));
    if (seed % 20 === 0) {
      await settle(story);
      const passwords = world.passwords();
      expect([seed, passwords['password'], passwords['pending-password']]).toEqual([seed, world.live, undefined]);
    }
    if (world.passwords()['previous-password'] !== undefined) rotated += 1;
  }
  // Else it searched where nothing happens.
  expect(rotated).toBeGreaterThan(seeds / 20);
}, 600_000);

it('finds a manager that sets before it writes', async () => {
  const { world } = begin(1);
  world.onEffect = () => {};
  await world.reconcile();
  const [task] = world.openTasks();
  if (!task) throw new Error('there is no task');
  world.objects.delete('secrets/web-1-app');

  world.act(task, 'set');

  expect(() => expectToOpen({ world, told: [], policyChanged: false } as unknown as Story, 1)).toThrow('nothing opens');
});

describe('a day of attempts that come to nothing', () => {
  const dayMs = 24 * 60 * 60_000;
  // One every 6 minutes, and some before the waits are as long as that.
  const mostAttempts = dayMs / 360_000 + 10;

  it.each([
    ['fail', 1],
    ['refuse', 1],
    ['loseOutcome', 1],
    ['undelivered', 0],
  ] as const)('is few attempts, and leaves few tasks behind (%s)', async (how, parked) => {
    const story = beginWith({ backoffLimit: 6 });

    const { attempts, mostTasks } = await live(story, { forMs: dayMs, how });

    expect(attempts).toBeLessThan(mostAttempts);
    expect(mostTasks).toBeLessThan(12);
    expect(story.world.rotation.status).toMatchObject({ parked });
  });

  it.each([
    ['fail', 'parked'],
    ['refuse', 'parked'],
    ['undelivered', 'drifted'],
  ] as const)('never makes a drifted account pass for a sound one (%s)', async (how, standing) => {
    const story = beginWith({ backoffLimit: 6, drift: 'Enforce' });
    const { world } = story;
    await live(story, { forMs: 60_000, how: 'set' });
    world.onEffect = () => {};
    world.live = 'changed in the guest';
    world.edited();
    await live(story, { forMs: 120_000, how });
    expect(world.rotation.status).toMatchObject({ drifted: 1 });
    const verified = new Set<string | undefined>();

    const { attempts, mostTasks } = await live(story, {
      forMs: dayMs,
      how,
      look: () => verified.add(world.rotation.status?.guests?.[0]?.verified),
    });

    expect([...verified]).toEqual(['False']);
    expect(attempts).toBeLessThan(mostAttempts);
    expect(mostTasks).toBeLessThan(12);
    expect(world.rotation.status).toMatchObject({ [standing]: 1 });
  });
});

function beginWith(spec: Parameters<typeof aRotation>[0]): Story {
  const story = begin(1);
  story.world.rotation = aRotation(spec);
  return story;
}

/** The manager looks whenever it wants to, and each attempt to set a password comes to the same. */
async function live(
  { world, clock }: Story,
  { forMs, how, look = () => {} }: { forMs: number; how: Act; look?(): void },
): Promise<{ attempts: number; mostTasks: number }> {
  const attempts = new Set<string>();
  let mostTasks = 0;
  for (const end = clock.monotonic() + forMs; clock.monotonic() < end; ) {
    world.syncAll();
    const { requeueAfterMs = 60_000 } = await world.reconcile();
    for (const task of world.openTasks()) {
      const isSet = task.spec.action.setPassword !== undefined;
      if (isSet) attempts.add(task.metadata.name);
      world.act(task, isSet ? how : 'set');
    }
    mostTasks = Math.max(mostTasks, [...world.objects.keys()].filter((key) => key.startsWith('guesttasks/')).length);
    look();
    clock.advance(Math.max(1000, Math.min(requeueAfterMs, 60_000)));
  }
  return { attempts: attempts.size, mostTasks };
}
