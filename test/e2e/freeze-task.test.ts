import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Guest, GuestHost } from '../../src/api/resources.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';
import { namespace, untilFrozen, useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes('freeze-node');
let web1: TestGuest;
let writes: WriteWatcher;
beforeAll(async () => {
  web1 = await sharedGuest('web-1');
  writes = await watchWrites(web1);
});
afterAll(async () => writes?.stop());

function conditionOf({ status }: Guest | GuestHost, type: string): string | undefined {
  return status?.conditions?.find((condition) => condition.type === type)?.status;
}

async function waitForGuest(what: string, test: (guest: Guest) => boolean): Promise<Guest> {
  return await eventually(
    async () => {
      const guest = await freezes.guest('web-1');
      return test(guest) ? guest : undefined;
    },
    { what: `Guest web-1 to be ${what}`, timeoutMs: 20_000, intervalMs: 200 },
  );
}

describe('a freeze that is held', () => {
  it('is released, and its status proves what a backup is worth', async () => {
    const name = await freezes.freeze(web1);
    const held = await freezes.held(name);
    await untilFrozen(writes);
    expect(held).toMatchObject({ guard: 'Armed', filesystems: { expected: 1, frozen: 1 } });
    expect(held).not.toHaveProperty('verdict');

    await freezes.patch(name, { release: true });
    const { phase, reason, freeze } = await freezes.ended(name);

    expect({ phase, reason }).toEqual({ phase: 'Succeeded', reason: 'Completed' });
    expect(freeze).toMatchObject({
      verdict: 'Consistent',
      endedBy: 'Release',
      filesystems: { expected: 1, frozen: 1, thawed: 1 },
      bootId: (await web1.sh('cat /proc/sys/kernel/random/boot_id')).stdout.trim(),
    });
    await writes.nextWrite();
    expect((await web1.sh('ls /run/qga/*.guard; pidof sleep fsfreeze | wc -w')).stdout).not.toContain('guard');
  });

  it('is let go at its deadline', async () => {
    const before = performance.now();
    const { phase, freeze } = await freezes.ended(await freezes.freeze(web1, { maxFrozenSeconds: 2 }));

    expect(phase).toBe('Succeeded');
    expect(freeze).toMatchObject({ verdict: 'Consistent', endedBy: 'Deadline' });
    const heldMs = Date.parse(freeze.thawedAt ?? '') - Date.parse(freeze.requestedAt ?? '');
    expect(heldMs).toBeGreaterThanOrEqual(1999);
    expect(heldMs).toBeLessThan(3500);
    await writes.nextWrite();
    expect(performance.now() - before).toBeGreaterThan(heldMs);
  });

  it('is let go when its task is deleted', async () => {
    const name = await freezes.freeze(web1, { maxFrozenSeconds: 120 });
    await freezes.held(name);
    await untilFrozen(writes);

    await freezes.remove(name);

    await writes.nextWrite(10_000);
  });

  it('is told by its Guest, its GuestHost, an event and the metrics', async () => {
    const name = await freezes.freeze(web1, { mountpoints: ['/data'] });
    await freezes.held(name);

    const guest = await waitForGuest('frozen', (each) => conditionOf(each, 'Frozen') === 'True');
    expect(guest.status?.busyWith).toBe(`${namespace}/${name}`);
    expect(await freezes.agent().metrics()).toMatch(/^qga_guests\{state="frozen"\} 1$/m);
    await eventually(
      async () => (await sharedCluster().get<GuestHost>('guesthost', 'freeze-node')).status?.guests?.frozen === 1,
      { what: 'GuestHost to count it', timeoutMs: 10_000 },
    );
    await freezes.patch(name, { release: true });
    await freezes.ended(name);

    const thawed = await waitForGuest('thawed', (each) => conditionOf(each, 'Frozen') === 'False');
    expect(thawed.status).not.toHaveProperty('busyWith');
    expect(conditionOf(thawed, 'ThawOwed')).toBe('False');
    expect(await freezes.agent().metrics()).toMatch(/^qga_frozen_seconds_count [1-9]/m);
    await eventually(
      async () => {
        const { items } = JSON.parse(await sharedCluster().kubectl('get', 'events', '-n', namespace, '-o', 'json'));
        const reasons = items
          .filter(({ message }: { message?: string }) => message?.includes(name))
          .map(({ reason }: { reason: string }) => reason);
        return reasons.includes('Frozen') && reasons.includes('Thawed');
      },
      { what: 'events of the freeze', timeoutMs: 10_000 },
    );
  });
});

describe('a freeze with a barrier', () => {
  it('waits prepared, and is sent at its instant', async () => {
    const name = await freezes.freeze(web1, { barrier: true, maxFrozenSeconds: 5 });
    const prepared = await freezes.until(name, ({ reason }) => reason === 'Prepared');
    expect(prepared.freeze?.preparedAt).toBeDefined();
    await writes.nextWrite();

    const freezeAt = Date.now() + 4000;
    await freezes.patch(name, { freezeAt: `${new Date(freezeAt).toISOString().slice(0, 23)}000Z` });
    const held = await freezes.held(name);
    await freezes.patch(name, { release: true });
    const { freeze } = await freezes.ended(name);

    expect(Date.parse(held.requestedAt ?? '') - freezeAt).toBeGreaterThanOrEqual(-2);
    expect(Date.parse(held.requestedAt ?? '') - freezeAt).toBeLessThan(300);
    expect(freeze).toMatchObject({ verdict: 'Consistent', guard: 'Armed' });
  });

  it('is let go without having frozen anything', async () => {
    const name = await freezes.freeze(web1, { barrier: true });
    await freezes.until(name, ({ reason }) => reason === 'Prepared');

    await freezes.patch(name, { release: true });
    const { phase, reason, freeze } = await freezes.ended(name);

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'Released' });
    expect(freeze).toMatchObject({ verdict: 'Skipped', endedBy: 'Release' });
    expect(freeze).not.toHaveProperty('requestedAt');
  });
});

describe('hooks in the guest', () => {
  it('run before the freeze and after the thaw, and are told', async () => {
    const name = await freezes.freeze(web1, {
      maxFrozenSeconds: 1,
      hooks: {
        before: [{ name: 'flush', command: ['sh', '-c', 'echo flushed | tee /data/flushed'] }],
        after: [{ name: 'go on', command: ['sh', '-c', 'echo 1 >/data/after; exit 3'], failurePolicy: 'Ignore' }],
      },
    });
    const { phase, freeze } = await freezes.ended(name);

    expect(phase).toBe('Succeeded');
    expect(freeze.hooks).toMatchObject([
      { name: 'flush', when: 'before', exitCode: 0, output: 'flushed\n' },
      { name: 'go on', when: 'after', exitCode: 3, reason: 'NonZeroExit' },
    ]);
    expect((await web1.sh('cat /data/flushed /data/after')).stdout).toBe('flushed\n1\n');
  });

  it('prevent the freeze when one fails, and are undone all the same', async () => {
    const name = await freezes.freeze(web1, {
      hooks: {
        before: [
          { name: 'slow', command: ['sleep', '60'], timeoutSeconds: 1 },
          { name: 'never', command: ['true'] },
        ],
        after: [{ name: 'undo', command: ['true'] }],
      },
    });
    const { phase, reason, message, freeze } = await freezes.ended(name);

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'HookFailed' });
    expect(message).toContain('slow');
    expect(freeze.hooks?.map((hook) => [hook.name, hook.reason])).toEqual([
      ['slow', 'HookTimedOut'],
      ['undo', undefined],
    ]);
    expect(freeze).not.toHaveProperty('requestedAt');
  });
});

describe('a freeze that was let go while the host’s agent was dead', () => {
  it('leaves neither what its hooks did before nor its guard in the guest', async () => {
    const name = await freezes.freeze(web1, {
      barrier: true,
      hooks: {
        before: [{ name: 'stop', command: ['touch', '/data/stopped'] }],
        after: [{ name: 'go on', command: ['rm', '/data/stopped'] }],
      },
    });
    await freezes.until(name, ({ reason }) => reason === 'Prepared');
    await freezes.agent().kill();
    await freezes.patch(name, { release: true });

    await freezes.agent().restart();
    const { phase, reason, freeze } = await freezes.ended(name);

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'Released' });
    expect(freeze.hooks).toMatchObject([
      { name: 'stop', when: 'before', exitCode: 0 },
      { name: 'go on', when: 'after', exitCode: 0 },
    ]);
    expect((await web1.sh('ls /data/stopped /run/qga/*.guard')).stdout).toBe('');
  });
});

describe('what only the guest can know', () => {
  it('names a mountpoint that it does not have, and freezes nothing', async () => {
    const { phase, reason, message, freeze } = await freezes.ended(
      await freezes.freeze(web1, { mountpoints: ['/data', '/nowhere'] }),
    );

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'UnknownMountpoint' });
    expect(message).toMatch(/\/nowhere.*\/data/);
    expect(freeze).not.toHaveProperty('requestedAt');
  });

  it('leaves a guest alone that somebody else has frozen', async () => {
    await sharedHypervisor().virsh(['domfsfreeze', web1.uuid]);
    try {
      const { phase, reason } = await freezes.ended(await freezes.freeze(web1, { maxFrozenSeconds: 1 }));

      expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'AlreadyFrozen' });
      expect(await web1.agent('guest-fsfreeze-status')).toBe('frozen');
      await untilFrozen(writes);
    } finally {
      await sharedHypervisor().virsh(['domfsthaw', web1.uuid]);
    }
  });
});

describe('a guest that is held', () => {
  it('lets other tasks wait, with the name of the one that holds it', async () => {
    const running = await freezes.task(web1, { exec: { command: ['sh', '-c', 'sleep 3; echo ran on'] } });
    await freezes.until(running, ({ phase }) => phase === 'Running');
    const holding = await freezes.freeze(web1, { maxFrozenSeconds: 60 });
    await freezes.held(holding);

    const exec = await freezes.task(web1, { exec: { command: ['echo', 'ran later'] } });
    const second = await freezes.freeze(web1, { maxFrozenSeconds: 1 });
    const impatient = await freezes.freeze(web1, {}, { startingDeadline: new Date(Date.now() + 2000).toISOString() });
    for (const name of [exec, second]) {
      const { message } = await freezes.until(name, ({ reason }) => reason === 'GuestFrozen');
      expect(message).toContain(`${namespace}/${holding}`);
    }
    expect(await freezes.ended(impatient)).toMatchObject({ phase: 'Failed', reason: 'Undeliverable' });
    await freezes.patch(holding, { release: true });

    expect(await freezes.ended(holding)).toMatchObject({ phase: 'Succeeded', freeze: { verdict: 'Consistent' } });
    expect(await freezes.ended(running)).toMatchObject({ phase: 'Succeeded', exec: { stdout: 'ran on\n' } });
    expect(await freezes.ended(exec)).toMatchObject({ phase: 'Succeeded', exec: { stdout: 'ran later\n' } });
    expect(await freezes.ended(second)).toMatchObject({ phase: 'Succeeded', freeze: { verdict: 'Consistent' } });
  });
});
