import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sharedCluster, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { ordinaryUser, passwordOpens } from '../harness/password-opens.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { rotationsOn, shadowField } from './rotation-fixture.ts';

const operator = useOperator('debian-rotation');
const { kubectl } = sharedCluster();
const { createRotation, passwordsIn, rotateNow, untilPasswordChanged, untilRotated, untilRotation } = rotationsOn(
  sharedCluster(),
);
const { name: username, password: original } = ordinaryUser;
const flavours = ['debian12', 'debian13'] as const;
const guests = new Map<string, TestGuest>();

beforeAll(async () => {
  // One after the other: two that boot at once take more than twice as long.
  for (const flavour of flavours) {
    const spec = { name: `pw-${flavour}`, flavour, namespace, labels: { distribution: 'debian' }, vcpus: 2 };
    const guest = await sharedHypervisor().defineGuest(spec);
    guests.set(flavour, guest);
    await guest.waitForAgent(180_000);
    // What systemd still starts would be in a login's way.
    await guest.sh('systemctl is-system-running --wait', 180_000);
  }
}, 600_000);
afterAll(async () => {
  for (const guest of guests.values()) await guest.undefine();
});
afterEach(async () => {
  await kubectl('delete', 'passwordrotations', '--all', '-n', namespace);
  await kubectl('delete', 'secrets', '-l', 'qga.dev/password-rotation', '-n', namespace);
});

/** What an emulated Debian may take on a busy machine. */
const busyMs = 180_000;
const longestTestMs = 600_000;

describe.each(flavours)('a login on %s', { timeout: longestTestMs }, (flavour) => {
  const target = { guestName: `pw-${flavour}` };
  const secret = `pw-${flavour}-${username}`;
  let guest: TestGuest;

  beforeAll(() => {
    guest = guests.get(flavour) as TestGuest;
  });

  it('works with each new password, and no longer with the old one', async () => {
    expect(await passwordOpens(guest, username, original)).toBe(true);

    await createRotation('logins', { target, username, passwordPolicy: { classes: { symbols: 2 } } });
    await untilRotated('logins', busyMs);
    const { password: first = '' } = await passwordsIn(secret);
    expect(await passwordOpens(guest, username, first)).toBe(true);
    expect(await passwordOpens(guest, username, original)).toBe(false);

    await rotateNow('logins', '1');
    const { password: second = '' } = await untilPasswordChanged(secret, first, busyMs);
    expect(await passwordOpens(guest, username, second)).toBe(true);
    expect(await passwordOpens(guest, username, first)).toBe(false);
  });

  it('works with a password that the guest hashed itself, of which nobody can say more than its agent does', async () => {
    await createRotation('clear', { target, username, hash: 'None' });

    const { status } = await untilRotated('clear', busyMs);

    expect(await passwordOpens(guest, username, (await passwordsIn(secret))['password'] ?? '')).toBe(true);
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'Unknown' }));
  });

  it('is refused by the guest’s own password rules: tried again, then parked, and no word of the password', async () => {
    const rules = '/etc/pam.d/chpasswd';
    await guest.sh(`cp ${rules} /root/kept; echo 'password requisite pam_deny.so' >${rules}`, busyMs);

    await createRotation('refused', { target, username, hash: 'None', backoffLimit: 1 });

    const { status } = await untilRotation('refused', (each) => each.status?.parked === 1, busyMs);
    const { 'pending-password': pending = '' } = await passwordsIn(secret);
    expect(status?.guests).toMatchObject([{ reason: 'PasswordRefused', attempts: 2, parked: true }]);
    expect(pending).not.toBe('');
    expect(JSON.stringify(status)).not.toContain(pending);
    await guest.sh(`mv /root/kept ${rules}`, busyMs);
    await rotateNow('refused', 'mended');
    await untilRotated('refused', busyMs);
    expect(await passwordOpens(guest, username, pending)).toBe(true);
  });

  it('keeps its password while /etc is read-only', async () => {
    const before = await shadowField(guest, username);
    await guest.sh('mount --bind /etc /etc && mount -o remount,bind,ro /etc', busyMs);

    await createRotation('read-only', { target, username, backoffLimit: 0 });

    const { status } = await untilRotation('read-only', (each) => each.status?.parked === 1, busyMs);
    expect(status?.guests).toMatchObject([{ reason: 'ReadOnlyFilesystem', parked: true }]);
    expect(await shadowField(guest, username)).toBe(before);
    await guest.sh('umount /etc', busyMs);
    await rotateNow('read-only', 'mended');
    await untilRotated('read-only', busyMs);
  });
});

it('leaves neither a clear text nor a hash anywhere but in the Secret', { timeout: longestTestMs }, async () => {
  const seen = watchProcesses([...guests.values()]);
  const secrets = new Set<string>();
  await createRotation('canary', { target: { selector: { matchLabels: { distribution: 'debian' } } }, username });
  await untilRotated('canary', busyMs);
  for (const value of ['1', '2', 'clear']) {
    const before = await collect(secrets);
    if (value === 'clear') {
      await kubectl('patch', 'pwr', 'canary', '-n', namespace, '--type=merge', '-p', '{"spec":{"hash":"None"}}');
    }
    await rotateNow('canary', value);
    for (const [secret, password] of before) await untilPasswordChanged(secret, password, busyMs);
  }
  await collect(secrets);

  const places = { ...(await hostPlaces()), processes: [...(await seen.stop())].join('\n') };
  for (const [flavour, guest] of guests) {
    Object.assign(places, {
      [`journal of ${flavour}`]: (await guest.sh('journalctl --output=cat --no-pager', busyMs)).stdout,
      [`console of ${flavour}`]: guest.console(),
    });
  }

  // Each of these places does tell of the rotations: an empty one would prove nothing.
  expect(places['manager']).toContain('qga_password_rotations_total');
  expect(places['tasks']).toContain('setPassword');
  expect(places['processes']).toContain('qemu-ga');
  expect(places['journal of debian12' as keyof typeof places]).toContain('guest-exec called');
  expect(secrets.size).toBeGreaterThanOrEqual(14);
  const leaks = Object.entries(places).flatMap(([place, text]) =>
    [...secrets].filter((secret) => text.includes(secret)).map(() => place),
  );
  expect(leaks).toEqual([]);
});

/** Adds what must be nowhere: each password and each hash, as they are and in base64. Answers each Secret's password. */
async function collect(secrets: Set<string>): Promise<Map<string, string>> {
  const current = new Map<string, string>();
  for (const [flavour, guest] of guests) {
    const { password = '' } = await passwordsIn(`pw-${flavour}-${username}`);
    current.set(`pw-${flavour}-${username}`, password);
    for (const secret of [password, await shadowField(guest, username)]) {
      secrets.add(secret);
      secrets.add(Buffer.from(secret).toString('base64'));
    }
  }
  return current;
}

async function hostPlaces() {
  const everything = (resource: string) => kubectl('get', resource, '-A', '-o', 'yaml');
  const { dir } = sharedHypervisor();
  const logs = join(dir, 'log');
  return {
    manager: JSON.stringify(operator.manager().logs()) + (await operator.manager().metrics()),
    agent: JSON.stringify(operator.agent().logs()) + (await operator.agent().metrics()),
    tasks: await everything('guesttasks'),
    rotations: await everything('passwordrotations'),
    guests: await everything('guests'),
    events: await everything('events.events.k8s.io'),
    libvirt: readdirSync(logs, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.log'))
      .map((file) => readFileSync(join(logs, file), 'utf8'))
      .join('\n'),
  };
}

/** Every command line and environment that is to be seen on this machine and in the guests, until it is stopped. */
function watchProcesses(watched: TestGuest[]): { stop(): Promise<Set<string>> } {
  const lines = new Set<string>();
  const stopping = new AbortController();
  async function onHost(): Promise<void> {
    while (!stopping.signal.aborted) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        lines.add(textOf(`/proc/${pid}/cmdline`));
      }
      await delay(20);
    }
  }
  async function inGuest(guest: TestGuest): Promise<void> {
    while (!stopping.signal.aborted) {
      const { stdout } = await guest.sh(
        'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr "\\0" "\\n"',
        busyMs,
      );
      for (const line of stdout.split('\n')) lines.add(line);
    }
  }
  const running = Promise.all([onHost(), ...watched.map(inGuest)]);
  // Whoever stops it hears of it.
  running.catch(() => {});
  return {
    async stop() {
      stopping.abort();
      await running;
      return lines;
    },
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
