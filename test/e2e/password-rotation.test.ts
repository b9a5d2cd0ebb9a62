import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { opens, rotationsOn, shadowField } from './rotation-fixture.ts';

const operator = useOperator('rotation-node');
const { kubectl, apply } = sharedCluster();
const { createRotation, passwordsIn, rotateNow, untilPasswordChanged, untilRotated, untilRotation } = rotationsOn(
  sharedCluster(),
);
const app = 'app';
let guest: TestGuest;
let count = 0;

beforeAll(async () => {
  guest = await sharedGuest('web-1');
});

afterEach(async () => {
  await kubectl('delete', 'passwordrotations', '--all', '-n', namespace);
  await kubectl('delete', 'secrets', '-l', 'qga.dev/password-rotation', '-n', namespace);
  await guest.sh(String.raw`sed -i 's/^app:.*/app:*:20000:0:99999:7:::/' /etc/shadow`);
});

/** A rotation of its own Secret for each test: what the test before left is not in the way. */
async function rotate(spec: Record<string, unknown> = {}) {
  const name = `pwr-${(count += 1)}`;
  await createRotation(name, {
    target: { guestName: 'web-1' },
    username: app,
    secretTemplate: { namePattern: `{guest}-${name}` },
    ...spec,
  });
  return { name, secret: `web-1-${name}` };
}

describe('a rotation', () => {
  it('gives the account a password that is in the Secret and nowhere else', async () => {
    const { name, secret } = await rotate({
      secretTemplate: { namePattern: `{guest}-pwr-${count + 1}`, data: { host: '{guest}.example' } },
    });

    const { status } = await untilRotated(name);

    const passwords = await passwordsIn(secret);
    expect(Object.keys(passwords)).toEqual(['password']);
    expect(passwords['password']).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(await opens(guest, app, passwords['password'])).toBe(true);
    expect(await shadowField(guest, app)).toMatch(/^\$6\$/);
    expect(status?.guests).toMatchObject([
      { name: 'web-1', node: 'rotation-node', phase: 'Succeeded', verified: 'True', secretName: secret },
    ]);
    const table = await kubectl('get', 'pwr', name, '-n', namespace);
    expect(table).toMatch(/USER +ROTATED +NEXT +PARKED/);
    expect(table).toMatch(/app +1\/1 +0/);
    const { type, data } = JSON.parse(await kubectl('get', 'secret', secret, '-n', namespace, '-o', 'json'));
    expect([
      type,
      Buffer.from(data.username, 'base64').toString(),
      Buffer.from(data.host, 'base64').toString(),
    ]).toEqual(['kubernetes.io/basic-auth', 'app', 'web-1.example']);
  });

  it('is made at once by the annotation: the new password opens, the old one no longer, and is kept', async () => {
    const { name, secret } = await rotate();
    await untilRotated(name);
    const { password: first } = await passwordsIn(secret);

    await rotateNow(name, '1');

    const passwords = await untilPasswordChanged(secret, first);
    expect(passwords['previous-password']).toBe(first);
    expect(await opens(guest, app, passwords['password'])).toBe(true);
    expect(await opens(guest, app, first)).toBe(false);
  });

  it('keeps a bounded history', async () => {
    const { name, secret } = await rotate({ historyLimit: 2 });
    await untilRotated(name);
    const seen = [(await passwordsIn(secret))['password']];
    for (const value of ['1', '2', '3']) {
      await rotateNow(name, value);
      seen.unshift((await untilPasswordChanged(secret, seen[0]))['password']);
    }

    expect(await passwordsIn(secret)).toEqual({
      password: seen[0],
      'previous-password': seen[1],
      'previous-password-2': seen[2],
    });
  });

  it('takes a hash that libxcrypt makes, where that is asked for', async () => {
    const { name, secret } = await rotate({ hash: 'yescrypt' });

    await untilRotated(name);

    expect(await shadowField(guest, app)).toMatch(/^\$y\$/);
    expect(await opens(guest, app, (await passwordsIn(secret))['password'])).toBe(true);
  });

  it('has a new turn after its interval', async () => {
    const { name } = await rotate({ interval: '720h' });

    const { status } = await untilRotated(name);

    const [first] = status?.guests ?? [];
    const days = (Date.parse(first?.nextRotationTime ?? '') - Date.parse(first?.lastRotationTime ?? '')) / 86_400_000;
    expect(days).toBeGreaterThanOrEqual(30);
    expect(days).toBeLessThan(33);
    expect(status?.next).toMatch(/^(29|3\d)d$/);
  });
});

describe('an account that no longer has its password', () => {
  it('is reported, and its guest’s Secret still has the one that a rolled back disk brings back', async () => {
    const { name, secret } = await rotate({ driftCheckInterval: '1m' });
    await untilRotated(name);
    const { password: first } = await passwordsIn(secret);
    const disk = await shadowField(guest, app);
    await rotateNow(name, '1');
    await untilPasswordChanged(secret, first);

    await guest.sh(`sed -i 's|^app:[^:]*|app:${disk}|' /etc/shadow`);

    const { status } = await untilRotation(name, (each) => each.status?.drifted === 1, 100_000);
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Drifted', status: 'True' }));
    expect(status?.guests).toMatchObject([{ phase: 'Failed', reason: 'Drifted', verified: 'False' }]);
    expect(await opens(guest, app, (await passwordsIn(secret))['previous-password'])).toBe(true);
  });

  it('is set back where that is enforced, once a Secret is edited or the guest is', async () => {
    const { name, secret } = await rotate({ drift: 'Enforce', driftCheckInterval: '1m' });
    await untilRotated(name);
    const chosen = Buffer.from('Chosen-by-a-person-1').toString('base64');

    await kubectl('patch', 'secret', secret, '-n', namespace, '-p', JSON.stringify({ data: { password: chosen } }));

    await eventually(() => opens(guest, app, 'Chosen-by-a-person-1'), {
      what: 'the guest to have what the Secret was changed to',
      timeoutMs: 90_000,
      intervalMs: 500,
    });
    await untilRotated(name);
  });
});

describe('a guest in which it can not be done is parked, and says why', () => {
  it.each([
    ['UnknownUser', 'nobody-here', ':'],
    ['AccountLocked', app, String.raw`sed -i 's/^app:.*/app:!$6$abc$def:20000:0:99999:7:::/' /etc/shadow`],
    ['AccountExpired', app, String.raw`sed -i 's/^app:.*/app:*:20000:0:99999:7::10000:/' /etc/shadow`],
  ])('%s', async (reason, username, script) => {
    await guest.sh(script);
    const before = await shadowField(guest, app);

    const { name, secret } = await rotate({ username });

    const { status } = await untilRotation(name, (each) => each.status?.parked === 1);
    expect(status?.guests).toMatchObject([{ phase: 'Failed', reason, parked: true, attempts: 1 }]);
    expect(status?.guests?.[0]?.message).toContain('qga.dev/rotate-now');
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Parked', status: 'True' }));
    expect(await shadowField(guest, app)).toBe(before);
    expect(Object.keys(await passwordsIn(secret))).toEqual(['pending-password']);
  });

  it('goes on with the same password when a person has mended the guest and says so', async () => {
    await guest.sh(String.raw`sed -i 's/^app:.*/app:!$6$abc$def:20000:0:99999:7:::/' /etc/shadow`);
    const { name, secret } = await rotate();
    await untilRotation(name, (each) => each.status?.parked === 1);
    const { 'pending-password': pending } = await passwordsIn(secret);
    await guest.sh(String.raw`sed -i 's/^app:.*/app:*:20000:0:99999:7:::/' /etc/shadow`);

    await kubectl('annotate', 'secret', secret, '-n', namespace, 'qga.dev/rotate-now=mended');

    await untilRotated(name);
    expect((await passwordsIn(secret))['password']).toBe(pending);
    expect(await opens(guest, app, pending)).toBe(true);
  });

  it('leaves a Secret of the same name alone that is not its own', async () => {
    const name = `{guest}-pwr-${count + 1}`;
    const foreign = name.replace('{guest}', 'web-1');
    await apply({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: foreign, namespace },
      stringData: { key: 'mine' },
    });

    const rotation = await rotate();

    const { status } = await untilRotation(rotation.name, (each) => each.status?.parked === 1);
    expect(status?.guests).toMatchObject([{ reason: 'SecretConflict' }]);
    const { data } = JSON.parse(await kubectl('get', 'secret', foreign, '-n', namespace, '-o', 'json'));
    expect(data).toEqual({ key: Buffer.from('mine').toString('base64') });
    await kubectl('delete', 'secret', foreign, '-n', namespace);
    await untilRotated(rotation.name);
  });
});

describe('an agent that has commands switched off', () => {
  async function withAgent(blocked: string, work: (guestName: string) => Promise<void>): Promise<void> {
    const name = `no-${blocked.replace('guest-', '')}`;
    const spec = { name, namespace, agentArgs: ['-b', blocked] };
    const restricted = await sharedHypervisor().defineGuest(spec);
    try {
      await restricted.waitForAgent();
      await work(name);
    } finally {
      await restricted.undefine();
    }
  }

  it('parks its guest before a password is made, and says what to allow there', async () => {
    await withAgent('guest-set-user-password', async (guestName) => {
      const { name } = await rotate({ target: { guestName } });

      const { status } = await untilRotation(name, (each) => each.status?.parked === 1);
      expect(status?.guests).toMatchObject([{ reason: 'CommandBlocked', parked: true }]);
      expect(await passwordsIn(`${guestName}-${name}`)).toEqual({});
    });
  });

  it('is believed where it lets nobody look, and the condition says that nobody knows', async () => {
    await withAgent('guest-exec', async (guestName) => {
      const { name } = await rotate({ target: { guestName } });

      const { status } = await untilRotated(name);

      expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'Unknown' }));
      const { password } = await passwordsIn(`${guestName}-${name}`);
      expect(await opens(await sharedHypervisor().guest(guestName), app, password)).toBe(true);
    });
  });
});

describe('a Secret that goes', () => {
  it('is made anew with a new password', async () => {
    const { name, secret } = await rotate();
    await untilRotated(name);
    const { password: first } = await passwordsIn(secret);

    await kubectl('delete', 'secret', secret, '-n', namespace);

    const { password } = await untilPasswordChanged(secret, first);
    expect(await opens(guest, app, password)).toBe(true);
  });

  it('goes with its rotation, or stays, as deletionPolicy says', async () => {
    const stays = await rotate();
    await untilRotated(stays.name);
    await kubectl('delete', 'pwr', stays.name, '-n', namespace);
    const goes = await rotate({ deletionPolicy: 'Delete' });
    await untilRotated(goes.name);
    await kubectl('delete', 'pwr', goes.name, '-n', namespace);

    await eventually(async () => Object.keys(await passwordsIn(goes.secret)).length === 0, {
      what: 'the Secret to be collected',
      timeoutMs: 60_000,
    });
    expect(Object.keys(await passwordsIn(stays.secret))).toEqual(['password']);
  });
});

it('counts its rotations for Prometheus', async () => {
  expect(await operator.manager().metrics()).toMatch(
    /qga_password_rotations_total\{result="succeeded",reason="PasswordSet"\} [1-9]/,
  );
});
