import { expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../../src/api/resources.ts';
import { YescryptUnavailableError } from '../../../src/manager/password/errors.ts';
import { SealingKeyUnusableError } from '../../../src/sealing/errors.ts';
import { RotationWorld, SteppedClock } from '../support/rotation-world.ts';
import { aGuest, aRotation } from './objects.ts';

function begin() {
  const clock = new SteppedClock();
  const world = new RotationWorld({ rotation: aRotation(), guest: aGuest('web-1'), clock, next: () => 0.5 });
  async function look(): Promise<void> {
    world.syncAll();
    clock.advance(1000);
    await world.reconcile();
  }
  return { world, clock, look };
}

it('takes three writes and a status for a rotation, beside those of the agent', async () => {
  const { world, look } = begin();

  await look();
  const [task] = world.openTasks();
  if (task) world.act(task, 'set');
  await look();
  await look();

  const isWrite = (request: string) => request !== 'get' && !request.startsWith('status');
  expect(world.requests.filter(isWrite)).toEqual(['create secrets', 'create guesttasks', 'patch secrets']);
  expect(world.passwords()).toEqual({ password: world.live });
  expect(world.rotation.status).toMatchObject({ rotated: '1/1' });
  for (const type of ['Ready', 'Verified']) {
    expect(world.rotation.status?.conditions).toContainEqual(expect.objectContaining({ type, status: 'True' }));
  }
});

it('does nothing twice while its cache is behind', async () => {
  const { world, clock } = begin();

  await world.reconcile();
  clock.advance(1000);
  await world.reconcile();
  const [task] = world.openTasks();
  if (task) world.act(task, 'set');
  await world.reconcile();

  expect(world.requests.filter((request) => request.startsWith('create'))).toHaveLength(2);
});

it('asks ever less often while its cache stays behind, and soon again once a round goes through', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  // Longer than what was written is remembered.
  clock.advance(60_000);

  const waits: (number | undefined)[] = [];
  for (let round = 0; round < 9; round += 1) waits.push((await world.reconcile()).requeueAfterMs);
  await look();
  touchSecret(world);
  rotateNow(world);
  const wait = (await world.reconcile()).requeueAfterMs;

  expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(wait).toBe(50);
});

it('shows that a Secret is refused without the words of the server, and tries again', async () => {
  const { world, look, clock } = begin();
  world.faultOf = (request) => (request === 'create secrets' ? 'refused' : 'none');

  await look();
  await look();

  expect(world.rotation.status?.guests).toMatchObject([{ phase: 'Pending', reason: 'SecretNotWritten' }]);
  expect(JSON.stringify(world.rotation.status)).not.toContain('canary');
  world.faultOf = () => 'none';
  clock.advance(30_000);
  await look();
  expect(Object.keys(world.passwords())).toEqual(['pending-password']);
});

it('lets the other guests go on, and is told of, where nothing can be sealed to the key of one guest’s host', async () => {
  const { world, look } = begin();
  world.rotation = aRotation({ parallelism: 1 });
  world.others = [aGuest('web-2')];
  world.sealErrorOf = (guest) => (guest === 'web-1' ? new SealingKeyUnusableError('the key k is for Y') : undefined);

  for (const _ of [1, 2, 3]) await look();

  expect(world.openTasks()).toMatchObject([{ spec: { guestName: 'web-2' } }]);
  const entry = { name: 'web-1', reason: 'SealingKeyUnusable', message: 'the key k is for Y' };
  expect(world.rotation.status?.guests).toContainEqual(expect.objectContaining(entry));
});

it('tells which guest’s password can’t be hashed any more, as where libxcrypt is gone', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  world.hashError = new YescryptUnavailableError('install it');
  clock.advance(24 * 3_600_000);

  for (const _ of [1, 2]) await look();

  expect(world.rotation.status?.guests).toMatchObject([{ reason: 'YescryptUnavailable' }]);
});

it('takes what ails the API server as a whole for no hindrance of a Secret: the work queue waits it out', async () => {
  const { world, look } = begin();
  world.faultOf = (request) => (request === 'create secrets' ? 'unavailable' : 'none');

  for (const _ of [1, 2]) await look();
  expect(world.rotation.status?.guests).toMatchObject([{ name: 'web-1' }]);
  world.faultOf = () => 'none';
  await look();

  expect(world.openTasks()).toHaveLength(1);
});

it('shows that a Secret of a rotated guest can’t be labelled as long as that is so', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  const secretTemplate = { namePattern: '{guest}-{username}', labels: { team: 'web team' } };
  world.rotation = { ...world.rotation, spec: aRotation({ secretTemplate }).spec };
  world.faultOf = (request) => (request === 'patch secrets' ? 'refused' : 'none');
  const shown = new Set<string | undefined>();

  await look();
  for (let second = 0; second < 120; second += 1) {
    await look();
    shown.add(world.rotation.status?.guests?.[0]?.reason);
  }
  world.faultOf = () => 'none';
  clock.advance(30_000);
  for (const _ of [1, 2]) await look();

  expect([...shown]).toEqual(['SecretNotWritten']);
  expect(world.rotation.status).toMatchObject({ rotated: '1/1', guests: [{ phase: 'Succeeded' }] });
  expect(world.secret()?.metadata.labels).toMatchObject({ team: 'web team' });
});

it('forgets why a Secret could not be written once nothing is to be written to it any more', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  const { spec } = world.rotation;
  const secretTemplate = { namePattern: '{guest}-{username}', labels: { team: 'web team' } };
  world.rotation = { ...world.rotation, spec: aRotation({ secretTemplate }).spec };
  world.faultOf = (request) => (request === 'patch secrets' ? 'refused' : 'none');
  for (const _ of [1, 2]) await look();

  world.rotation = { ...world.rotation, spec };
  clock.advance(30_000);
  await look();

  expect(world.rotation.status?.guests).toMatchObject([{ phase: 'Succeeded' }]);
  clock.advance(30_000);
  expect((await world.reconcile()).requeueAfterMs).toBeGreaterThan(60_000);
});

it('parks a guest whose Secret is somebody else’s once, however often it looks again', async () => {
  const { world, clock, look } = begin();
  const theirs = { metadata: { name: 'web-1-app', namespace: 'team-a' }, data: { username: 'dGhlaXJz' } };
  world.put('secrets/web-1-app', theirs);
  const parked = new Set<string | undefined>();

  await look();
  for (let second = 0; second < 120; second += 1) {
    await look();
    parked.add(world.rotation.status?.conditions?.find(({ type }) => type === 'Parked')?.status);
  }

  expect([...parked]).toEqual(['True']);
  expect(world.events).toEqual(['Parked']);
  expect(world.requests.filter((request) => request.startsWith('status'))).toHaveLength(1);
  world.objects.delete('secrets/web-1-app');
  clock.advance(30_000);
  await look();
  expect(Object.keys(world.passwords())).toEqual(['pending-password']);
});

it('tells once of an account that drifted, however often it is tried in vain to set it back', async () => {
  const { world, clock, look } = begin();
  world.rotation = aRotation({ drift: 'Enforce', backoffLimit: 3 });
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  world.live = 'changed in the guest';
  clock.advance(6 * 3_600_000);

  for (let minute = 0; minute < 60; minute += 1) {
    await look();
    for (const task of world.openTasks()) world.act(task, task.spec.action.setPassword ? 'refuse' : 'set');
    clock.advance(60_000);
  }

  expect(world.rotation.status).toMatchObject({ parked: 1, drifted: 1 });
  expect(world.events).toEqual(['Rotated', 'Drifted', 'Parked']);
});

it('seals anew what waits for a host that has another key now', async () => {
  const { world, look } = begin();
  await look();
  const [task] = world.openTasks();
  if (!task) throw new Error('there is no task');
  world.sealingKeyId = 'another';
  world.putStatus(task, { phase: 'Pending', reason: 'SealedToAnotherKey' });

  await look();

  const [again] = world.openTasks();
  expect(again?.spec.sealed).toMatchObject({ keyId: 'another', ciphertext: task.spec.sealed?.ciphertext });
  expect(again?.metadata.name).toBe(task.metadata.name);
});

it('knows a Secret again that has lost its label', async () => {
  const { world, look } = begin();
  await look();
  const secret = world.secret();
  if (!secret) throw new Error('there is no Secret');
  const { 'qga.dev/password-rotation': _, ...labels } = secret.metadata.labels ?? {};
  world.put('secrets/web-1-app', { ...secret, metadata: { ...secret.metadata, labels } });
  const pending = world.passwords()['pending-password'];
  world.restartManager();
  for (const task of world.openTasks()) world.act(task, 'fail');

  await look();

  expect(world.secret()?.metadata.labels).toHaveProperty(['qga.dev/password-rotation'], 'app-password');
  expect(world.passwords()['pending-password']).toBe(pending);
});

it.each([
  ['comes while a look at the guest is being made', 'none'],
  ['was to be followed by a look that could not be made', 'lost'],
] as const)('looks again after an edit of the Secret that %s', async (_, fault) => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  world.edited();
  clock.advance(10_000);
  world.faultOf = (request) => {
    if (request !== 'create guesttasks') return 'none';
    if (fault === 'none') world.edited();
    return fault;
  };
  await look();
  world.faultOf = () => 'none';
  for (const task of world.openTasks()) world.act(task, 'set');

  clock.advance(10_000);
  await look();

  expect(world.openTasks()).toMatchObject([{ spec: { action: { verifyPassword: { username: 'app' } } } }]);
});

it('looks again soon after an edit when the look came to nothing', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'set');
  await look();
  world.edited();
  clock.advance(10_000);
  await look();
  for (const task of world.openTasks()) world.act(task, 'undelivered');

  clock.advance(10_000);
  await look();

  expect(world.openTasks()).toMatchObject([{ spec: { attempt: 2, action: { verifyPassword: {} } } }]);
});

/** Somebody else writes to it. */
function touchSecret(world: RotationWorld): void {
  const secret = world.secret();
  if (secret) world.put('secrets/web-1-app', secret);
}

function rotateNow(world: RotationWorld): void {
  const metadata = { ...world.rotation.metadata, annotations: { [rotateNowAnnotation]: '1' } };
  world.rotation = { ...world.rotation, metadata };
}
