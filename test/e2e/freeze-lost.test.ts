import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { namespace, useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes('lost-node');
let guest: TestGuest;
let blocked: TestGuest;
let bare: TestGuest;
beforeAll(async () => {
  const hypervisor = sharedHypervisor();
  guest = await hypervisor.defineGuest({ name: 'lost-1', namespace });
  blocked = await hypervisor.defineGuest({ name: 'lost-2', namespace, agentArgs: ['-b', 'guest-fsfreeze-freeze'] });
  // As RHEL's agent is by default: no guard can be armed, and the boot id can't be read.
  bare = await hypervisor.defineGuest({ name: 'lost-3', namespace, agentArgs: ['-b', 'guest-exec,guest-file-open'] });
  await guest.waitForAgent();
  await blocked.waitForAgent();
  await bare.waitForAgent();
});
afterAll(async () => {
  await guest?.undefine();
  await blocked?.undefine();
  await bare?.undefine();
});

async function held(maxFrozenSeconds = 60): Promise<string> {
  const name = await freezes.freeze(guest, { maxFrozenSeconds });
  await freezes.held(name);
  return name;
}

describe('a thaw by somebody else', () => {
  it('through libvirt is noticed at once', async () => {
    const name = await held();

    await sharedHypervisor().virsh(['domfsthaw', guest.uuid]);

    expect(await freezes.ended(name, 10_000)).toMatchObject({
      phase: 'Failed',
      reason: 'ConsistencyLost',
      freeze: { verdict: 'ConsistencyLost', endedBy: 'Somebody', filesystems: { frozen: 1, thawed: 0 } },
    });
  });

  it('inside of the guest is noticed by the count of the thaw', async () => {
    const name = await held();

    expect((await guest.sh('busybox fsfreeze --unfreeze /data')).exitCode).toBe(0);
    await freezes.patch(name, { release: true });

    expect(await freezes.ended(name)).toMatchObject({
      phase: 'Failed',
      reason: 'ConsistencyLost',
      freeze: { verdict: 'ConsistencyLost', endedBy: 'Somebody', filesystems: { frozen: 1, thawed: 0 } },
    });
  });
});

describe('a guest with more than one filesystem', () => {
  const bootTimeoutMs = 600_000;
  let two: TestGuest;
  beforeAll(async () => {
    two = await sharedHypervisor().defineGuest({
      name: 'lost-4',
      namespace,
      flavour: 'debian12',
      vcpus: 2,
      disk: true,
    });
    await two.waitForAgent(bootTimeoutMs);
  }, bootTimeoutMs);
  afterAll(async () => two?.undefine());

  it('is consistent when all are frozen', async () => {
    const name = await freezes.freeze(two, { maxFrozenSeconds: 60 });
    await freezes.held(name);
    await freezes.patch(name, { release: true });

    expect(await freezes.ended(name)).toMatchObject({
      phase: 'Succeeded',
      freeze: { verdict: 'Consistent', filesystems: { expected: 2, frozen: 2, thawed: 2 } },
    });
  });

  it('is not when something else in it holds one of them at that moment', async () => {
    expect((await two.sh('fsfreeze --freeze /data')).exitCode).toBe(0);

    const name = await freezes.freeze(two, { maxFrozenSeconds: 60 });

    const { phase, reason, message, freeze } = await freezes.ended(name);
    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'PartlyFrozen' });
    expect(message).toContain('only 1 of 2 filesystems that can be frozen were');
    expect(message).toContain('try again');
    expect(freeze).toMatchObject({
      verdict: 'ConsistencyLost',
      endedBy: 'FreezeFailed',
      filesystems: { expected: 2, frozen: 1, thawed: 2 },
    });
  });
});

describe('a guest that does not stay as it was', () => {
  it('is consistent though its agent was killed meanwhile, since the kernel held on', async () => {
    const name = await held();

    await guest.killAgent();
    await guest.waitForAgent();
    await freezes.patch(name, { release: true });

    expect(await freezes.ended(name)).toMatchObject({
      phase: 'Succeeded',
      freeze: { verdict: 'Consistent', filesystems: { frozen: 1, thawed: 1 } },
    });
  });

  it('loses the consistency when it is suspended, and is thawed when it is resumed', async () => {
    const name = await held(2);

    await guest.suspend();
    await freezes.until(name, ({ freeze }) => freeze?.thawOwed === true);
    await guest.resume();

    expect(await freezes.ended(name, 10_000)).toMatchObject({
      reason: 'ConsistencyLost',
      freeze: { verdict: 'ConsistencyLost', endedBy: 'Somebody', filesystems: { frozen: 1, thawed: 1 } },
    });
    expect((await freezes.ended(name)).freeze).not.toHaveProperty('thawOwed');
    expect(await guest.agent('guest-fsfreeze-status')).toBe('thawed');
  });

  it('loses the consistency when it is reset', async () => {
    const name = await held(300);

    await sharedHypervisor().virsh(['reset', guest.uuid]);
    await guest.waitForAgent();

    expect(await freezes.ended(name)).toMatchObject({
      reason: 'ConsistencyLost',
      freeze: { verdict: 'ConsistencyLost', endedBy: 'Reboot' },
    });
  });

  it('is owed the thaw while it lies saved on a disk, and is thawed when it is restored, with no guard', async () => {
    const name = await freezes.freeze(bare, { maxFrozenSeconds: 300 });
    expect(await freezes.held(name)).toMatchObject({ guard: 'Unavailable' });

    await bare.save();

    const { message } = await freezes.until(name, ({ freeze }) => freeze?.thawOwed === true);
    expect(message).toBe('the guest was saved to disk, frozen perhaps: it is thawed as soon as it runs again');
    const { conditions } = (await freezes.guest(bare.name)).status ?? {};
    expect(conditions).toContainEqual(expect.objectContaining({ type: 'ThawOwed', status: 'True' }));
    await bare.start();
    const { freeze, ...status } = await freezes.ended(name, 30_000);
    expect(status).toMatchObject({
      reason: 'ConsistencyLost',
      message: 'the guest was saved to disk while it was frozen',
    });
    expect(freeze).toMatchObject({ verdict: 'ConsistencyLost', endedBy: 'Somebody', filesystems: { thawed: 1 } });
    expect(freeze).not.toHaveProperty('thawOwed');
    expect(await bare.agent('guest-fsfreeze-status')).toBe('thawed');
  });

  it('is known to lie saved on a disk though nobody was there to see it, and libvirt was started anew since', async () => {
    const name = await freezes.freeze(bare, { maxFrozenSeconds: 300 });
    await freezes.held(name);
    await freezes.agent().kill();

    await bare.save();
    await sharedHypervisor().killLibvirtd();
    await sharedHypervisor().startLibvirtd();
    await freezes.agent().restart();

    const { message } = await freezes.until(name, ({ freeze }) => freeze?.thawOwed === true);
    expect(message).toContain('the guest was saved to disk');
    await bare.start();
    expect((await freezes.ended(name, 30_000)).freeze).toMatchObject({ filesystems: { thawed: 1 } });
    expect(await bare.agent('guest-fsfreeze-status')).toBe('thawed');
  });

  it('leaves nothing behind when it is cut off', async () => {
    const name = await held();

    await guest.destroy();

    const { freeze, ...status } = await freezes.ended(name, 10_000);
    expect(status).toMatchObject({ phase: 'Failed', reason: 'ConsistencyLost' });
    expect(freeze).toMatchObject({ verdict: 'ConsistencyLost', endedBy: 'GuestStopped' });
    expect(freeze).not.toHaveProperty('thawOwed');
  });
});

describe('a node that lost its journal', () => {
  it('thaws a guest in which nobody else is left to do so, and of which it knows no boot', async () => {
    const name = await freezes.freeze(bare, { maxFrozenSeconds: 600 });
    const { frozenAt, guard } = await freezes.held(name);
    expect(guard).toBe('Unavailable');
    await freezes.agent().kill();
    freezes.loseJournal();

    await freezes.agent().restart();

    // The Lease that the lost journal holds has to run out first.
    const { reason, freeze } = await freezes.ended(name, 120_000);
    expect(reason).toBe('ConsistencyLost');
    expect(freeze).toMatchObject({ verdict: 'ConsistencyLost', endedBy: 'AgentRestart', frozenAt });
    expect(freeze).not.toHaveProperty('thawOwed');
    expect(await bare.agent('guest-fsfreeze-status')).toBe('thawed');
  });
});

describe('a guest that can not be frozen', () => {
  it('says so when it has no filesystem on a disk', async () => {
    await guest.start();
    await guest.waitForAgent();
    await guest.sh('umount /data');

    const { phase, reason, freeze } = await freezes.ended(await freezes.freeze(guest));

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'NothingFrozen' });
    expect(freeze).not.toHaveProperty('requestedAt');
    await guest.destroy();
  });

  it('is waited for while it is off, until the starting deadline', async () => {
    const startingDeadline = new Date(Date.now() + 3000).toISOString();
    const name = await freezes.freeze(guest, {}, { startingDeadline });

    await freezes.until(name, ({ reason }) => reason === 'GuestNotRunning');
    expect(await freezes.ended(name)).toMatchObject({ phase: 'Failed', reason: 'Undeliverable' });
  });

  it('says what its agent has switched off', async () => {
    const { phase, reason, message } = await freezes.ended(await freezes.freeze(blocked));

    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'CommandBlocked' });
    expect(message).toContain('guest-fsfreeze-freeze');
  });
});
