import { expect, it } from 'vitest';
import { YescryptUnavailableError } from '../../../src/manager/password/errors.ts';
import { SealingKeyUnusableError } from '../../../src/sealing/errors.ts';
import { aGuest, aRotation } from './objects.ts';
import { begin, editSecret, rotateNow } from './rotation-story.ts';

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

it('forgets no Secret whose wait ends while it looks: timers come a little early', async () => {
  const { world, clock, look } = begin();
  world.put('secrets/web-1-app', { metadata: { name: 'web-1-app', namespace: 'team-a' } });
  await look();
  clock.advance(29_999.5);
  const stands = clock.monotonic();
  let reads = 0;
  Object.assign(clock, { monotonic: () => stands + reads++ });

  expect((await world.reconcile()).requeueAfterMs).toBe(0);
});

it.each(['Report', 'Enforce'] as const)(
  'neither sends nor alters a password that is no UTF-8 text (%s)',
  async (drift) => {
    const { world, clock, look } = begin();
    world.rotation = aRotation({ drift });
    await look();
    for (const task of world.openTasks()) world.act(task, 'set');
    await look();
    // As a person may make it with another encoding.
    const latin1 = Buffer.from('Pässword-1', 'latin1').toString('base64');
    editSecret(world, (secret) => ({ ...secret, data: { ...secret.data, password: latin1 } }));
    world.edited();
    clock.advance(10_000);
    for (const _ of [1, 2]) await look();
    const told = world.rotation.status?.guests;
    const asked = world.openTasks();

    rotateNow(world);
    clock.advance(30_000);
    for (let round = 0; round < 3; round += 1) {
      await look();
      for (const task of world.openTasks()) world.act(task, 'set');
    }

    expect(asked).toEqual([]);
    expect(told).toMatchObject([{ reason: 'PasswordUnhashable' }]);
    expect(world.passwords()['password']).toBe(world.live);
    expect(world.secret()?.data).toMatchObject({ 'previous-password': latin1 });
  },
);

it('leaves a pending password that is no UTF-8 text as it is, until a person asks for another', async () => {
  const { world, clock, look } = begin();
  await look();
  for (const task of world.openTasks()) world.act(task, 'undelivered');
  const latin1 = Buffer.from('Pässword-1', 'latin1').toString('base64');
  editSecret(world, ({ metadata, data, ...secret }) => ({
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata.annotations, 'qga.dev/pending-crypt-setting': '$y$j9T$x' } },
    data: { ...data, 'pending-password': latin1 },
  }));

  clock.advance(60_000);
  for (const _round of [1, 2]) await look();

  expect(world.secret()?.data).toMatchObject({ 'pending-password': latin1 });
  expect(world.secret()?.data).not.toHaveProperty('previous-password');
  expect(world.openTasks()).toEqual([]);
  rotateNow(world);
  clock.advance(30_000);
  await look();
  expect(world.secret()?.data).toMatchObject({ 'previous-password': latin1 });
  clock.advance(60_000);
  await look();
  expect(world.openTasks()).toHaveLength(1);
});
