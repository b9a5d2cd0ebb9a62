import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { armScript, disarmScript } from '../../src/guest/freeze-guard-script.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { ordinaryUser, passwordOpens } from '../harness/password-opens.ts';
import { startPostgres } from '../harness/postgres.ts';
import { watchWrites } from '../harness/watch-writes.ts';

const flavours = [
  { flavour: 'debian12', release: '12', agentMajor: 7 },
  { flavour: 'debian13', release: '13', agentMajor: 10 },
] as const;
const guests = new Map<string, TestGuest>();
/** Two at once, emulated, on a machine that may have much else to do. */
const bootTimeoutMs = 600_000;

beforeAll(async () => {
  for (const { flavour } of flavours) {
    guests.set(flavour, await sharedHypervisor().defineGuest({ name: flavour, flavour, vcpus: 2 }));
  }
  for (const guest of guests.values()) await guest.waitForAgent(bootTimeoutMs);
}, bootTimeoutMs);

afterAll(async () => {
  for (const guest of guests.values()) await guest.undefine();
});

describe.each(flavours)('a $flavour guest', ({ flavour, release, agentMajor }) => {
  let guest: TestGuest;

  beforeAll(() => {
    guest = guests.get(flavour) as TestGuest;
  });

  test('runs the release and its own generation of the agent', async () => {
    const { version } = (await guest.agent('guest-info')) as { version: string };

    expect(Number.parseInt(version, 10)).toBe(agentMajor);
    await expect(guest.agent('guest-get-osinfo')).resolves.toMatchObject({ id: 'debian', 'version-id': release });
    await expect(guest.agent('guest-get-host-name')).resolves.toEqual({ 'host-name': flavour });
    await expect(guest.agent('guest-get-users')).resolves.toMatchObject([{ user: 'app' }]);
  });

  test('has a root filesystem that really freezes', async () => {
    const writer = await watchWrites(guest);

    const frozen = await guest.agent('guest-fsfreeze-freeze');

    await expect.poll(() => writer.frozenIntervals(), { timeout: 10_000 }).toHaveLength(1);
    const thawed = await guest.agent('guest-fsfreeze-thaw');
    expect({ frozen, thawed }).toEqual({ frozen: 1, thawed: 1 });
    await expect(guest.agent('guest-get-fsinfo')).resolves.toMatchObject([{ mountpoint: '/', type: 'ext4' }]);
    await writer.nextWrite();
    await writer.stop();
  });

  test('thaws its frozen root by its own guard, though nobody else does', async () => {
    const id = randomUUID();
    const writer = await watchWrites(guest);
    expect(await runByAgent(guest, armScript({ id, nonce: '1', seconds: 3 }))).toBe('armed\n');

    await guest.agent('guest-fsfreeze-freeze');

    await expect.poll(() => writer.frozenIntervals(), { timeout: 10_000 }).toHaveLength(1);
    await writer.nextWrite(60_000);
    expect(await guest.agent('guest-fsfreeze-thaw')).toBe(0);
    expect(await runByAgent(guest, disarmScript(id))).toMatch(/^fired [0-9a-f-]{36}\n$/);
    await writer.stop();
  });

  test('has no guard left when it was disarmed in time, only the mark that it was', async () => {
    const id = randomUUID();
    expect(await runByAgent(guest, armScript({ id, nonce: '1', seconds: 300 }))).toBe('armed\n');

    expect(await runByAgent(guest, disarmScript(id))).toMatch(/^quiet [0-9a-f-]{36}\n$/);

    const guards = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c '^guard$'";
    await expect.poll(async () => (await guest.sh(guards)).stdout, { timeout: 20_000 }).toBe('0\n');
    // An arming that comes late finds that, and ends.
    expect((await guest.sh(`ls /run/qga | grep ${id}`)).stdout).toBe(`${id}.off\n`);
  });

  test('runs the hooks of a freeze', async () => {
    await guest.sh(`printf '#!/bin/sh\necho $1 >>/run/hook\n' >/etc/qemu/fsfreeze-hook.d/note.sh
      chmod +x /etc/qemu/fsfreeze-hook.d/note.sh`);

    await guest.agent('guest-fsfreeze-freeze');
    await guest.agent('guest-fsfreeze-thaw');

    const { stdout } = await guest.sh('cat /run/hook; rm /etc/qemu/fsfreeze-hook.d/note.sh');
    expect(stdout).toBe('freeze\nthaw\n');
  });

  test('takes a vCPU offline and online again', async () => {
    const set = (online: boolean) => guest.agent('guest-set-vcpus', { vcpus: [{ 'logical-id': 1, online }] });

    await expect(set(false)).resolves.toBe(1);

    const { stdout } = await guest.sh('cat /sys/devices/system/cpu/online');
    expect(stdout).toBe('0\n');
    await expect(guest.agent('guest-get-vcpus')).resolves.toContainEqual(
      expect.objectContaining({ 'logical-id': 1, online: false }),
    );
    await expect(set(true)).resolves.toBe(1);
  });

  test('answers for each memory block what became of it', async () => {
    const set = (online: boolean, ...blocks: number[]) =>
      guest.agent('guest-set-memory-blocks', {
        'mem-blks': blocks.map((block) => ({ 'phys-index': block, online })),
      });

    await expect(set(false, 0, 2)).resolves.toEqual([
      { 'phys-index': 0, response: 'operation-failed', 'error-code': 22 },
      { 'phys-index': 2, response: 'success' },
    ]);

    const { stdout } = await guest.sh('cat /sys/devices/system/memory/memory2/state');
    expect(stdout).toBe('offline\n');
    await expect(set(true, 2)).resolves.toEqual([{ 'phys-index': 2, response: 'success' }]);
  });

  test('gives what it does not use back to its disk', async () => {
    const { paths } = (await guest.agent('guest-fstrim')) as { paths: unknown[] };

    expect(paths).toEqual([expect.objectContaining({ path: '/', trimmed: expect.any(Number) })]);
    expect((paths[0] as { trimmed: number }).trimmed).toBeGreaterThan(1_000_000);
  });

  test('takes SSH keys for an account', async () => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDebianGuests test';

    await guest.agent('guest-ssh-add-authorized-keys', { username: 'app', keys: [key] });

    await expect(guest.agent('guest-ssh-get-authorized-keys', { username: 'app' })).resolves.toEqual({ keys: [key] });
    const { stdout } = await guest.sh('cat /home/app/.ssh/authorized_keys');
    expect(stdout.trim()).toBe(key);
  });

  test('lets in who has the password, after a change who has the new one', async () => {
    const { name, password } = ordinaryUser;
    const changed = 'another one: $x "y" \\z';

    expect(await passwordOpens(guest, name, password)).toBe(true);
    await guest.agent('guest-set-user-password', {
      username: name,
      password: Buffer.from(changed).toString('base64'),
      crypted: false,
    });

    expect(await passwordOpens(guest, name, password)).toBe(false);
    expect(await passwordOpens(guest, name, changed)).toBe(true);
  });

  test('sets its clock from the RTC', async () => {
    await expect(guest.agent('guest-set-time')).resolves.toEqual({});
  });

  test('keeps in its journal what the agent logs', async () => {
    await guest.agent('guest-exec', { path: '/bin/true', arg: ['seen-in-the-journal'] });

    const { stdout } = await guest.sh('journalctl --output=cat --unit=qemu-guest-agent');

    expect(stdout).toMatch(/guest-exec called: .*seen-in-the-journal/);
  });

  test('sleeps to RAM and wakes up', async () => {
    await expect(guest.agent('guest-suspend-ram')).rejects.toThrow(/agent/);
    await expect.poll(() => guest.state(), { timeout: 30_000 }).toBe('pmsuspended');

    await guest.wakeUp();

    await guest.waitForAgent();
  });

  test('starts its agent again however often it dies', async () => {
    await guest.sh('for n in 1 2 3 4 5 6; do killall -KILL qemu-ga; until pidof qemu-ga; do sleep 0.05; done; done');

    await guest.waitForAgent();
  });
});

test('a debian12 guest has a PostgreSQL, started when it is wanted', async () => {
  const guest = guests.get('debian12') as TestGuest;
  const before = await guest.sh('pidof postgres');

  const { sql } = await startPostgres(guest);

  expect(before.exitCode).toBe(1);
  expect(await sql(`create table notes (text text); insert into notes values ('it''s "kept"'); table notes`)).toBe(
    `it's "kept"\n`,
  );
});

test('a debian13 guest boots again and ends by its power button', { timeout: bootTimeoutMs }, async () => {
  const guest = guests.get('debian13') as TestGuest;
  await guest.sh('echo kept >/data/note; sync');

  await guest.reboot();

  await guest.waitForAgent();
  expect((await guest.sh('cat /data/note')).stdout).toBe('kept\n');
  await guest.shutdown();
});

/** Runs a script as the operator does: by the guest's agent, on standard input. */
async function runByAgent(guest: TestGuest, script: string): Promise<string> {
  const input = Buffer.from(script).toString('base64');
  const started = { path: '/bin/sh', arg: ['-s'], 'input-data': input, 'capture-output': true };
  const { pid } = (await guest.agent('guest-exec', started)) as { pid: number };
  return await eventually(
    async () => {
      const status = (await guest.agent('guest-exec-status', { pid })) as { exited: boolean; 'out-data'?: string };
      return status.exited ? Buffer.from(status['out-data'] ?? '', 'base64').toString() : undefined;
    },
    { what: 'a script in the guest to end', timeoutMs: 60_000 },
  );
}
