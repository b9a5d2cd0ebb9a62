import { expect, it } from 'vitest';
import { ApiError } from '../../../src/kube/errors.ts';
import { aRotation } from './objects.ts';
import { begin, editSecret, rotateNow } from './rotation-story.ts';

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
  editSecret(world);
  rotateNow(world);
  const wait = (await world.reconcile()).requeueAfterMs;

  expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(wait).toBe(50);
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

it('shows which field of a Secret is refused', async () => {
  const { world, look } = begin();
  world.faultOf = (request) => {
    if (request !== 'create secrets') return 'none';
    throw new ApiError(422, 'Invalid', 'it says canary', undefined, { fields: ['metadata.labels'] });
  };

  await look();
  await look();

  expect(world.rotation.status?.guests?.[0]?.message).toContain('(Invalid: metadata.labels)');
  expect(JSON.stringify(world.rotation.status)).not.toContain('canary');
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
