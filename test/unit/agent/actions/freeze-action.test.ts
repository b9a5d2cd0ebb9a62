import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { type ActionRun, type Ending, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { freezeAction } from '../../../../src/agent/actions/freeze-action.ts';
import { FreezeKeeper } from '../../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../../src/agent/task-decision.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { FreezeAction } from '../../../../src/api/schema/freeze.ts';
import { Journal, type Sent } from '../../../../src/guest/journal.ts';
import { NotConnectedError } from '../../../../src/libvirt/errors.ts';
import { type Clock, systemClock, timestamp } from '../../../../src/seams/clock.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { SimulatedFreezer, silence } from '../../support/simulated-freezer.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-freeze-action-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
/** By how much all that is told the time of was held up. */
let heldUpMs = 0;
const clock: Clock = {
  now: () => systemClock.now() + heldUpMs,
  monotonic: () => systemClock.monotonic() + heldUpMs,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
  after: (ms, callback) => systemClock.after(ms, callback),
};

/** One life of a process that carries a freeze out. */
async function carryOut(
  freezer: SimulatedFreezer,
  { freeze = {}, freezeAt, sentBefore }: { freeze?: FreezeAction; freezeAt?: string; sentBefore?: Sent } = {},
) {
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const registry = new GuestRegistry(freezer);
  const { logger } = recordingLogger();
  const freezes = new FreezeKeeper({ registry, journal, hypervisor: freezer, clock, logger, onChange: () => {} });
  const withdraw = new AbortController();
  const stop = new AbortController();
  const task = {
    metadata: { namespace: 'team-a', name: 'backup', uid: 'task' },
    spec: { guestName: 'web-1', action: { freeze }, ...(freezeAt && { freezeAt }) },
  } as GuestTask;
  const notes: unknown[] = [];
  const ending = freezeAction.run({
    task,
    latest: () => task,
    onUpdate: () => {},
    show: () => {},
    note: async (note: unknown) => void notes.push(note),
    guest: registry.get('uuid'),
    freezes,
    sentBefore,
    stopped: stop.signal,
    withdrawn: withdraw.signal,
    clock,
    logger,
  } as unknown as ActionRun) as Promise<Ending>;
  return { ending, notes, letGo: () => withdraw.abort(new TaskDeleted()), die: () => stop.abort(new Error('it ends')) };
}

it('disarms the guard of a guest that is let go in the very moment in which it is armed', async () => {
  const freezer = new SimulatedFreezer();
  const armed = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  freezer.before = async (call) => {
    if (call !== 'exec' || freezer.armed) return;
    sent.resolve();
    await armed.promise;
  };

  const { ending, letGo } = await carryOut(freezer);
  await sent.promise;
  letGo();
  armed.resolve();

  expect(await ending).toMatchObject({ reason: 'Released', freeze: { endedBy: 'Deletion' } });
  expect(freezer.armed).toBeUndefined();
  expect(freezer.calls).not.toContain('freeze');
});

it('disarms a guard that may have been armed though the answer was lost', async () => {
  const freezer = new SimulatedFreezer();
  freezer.before = (call) => {
    if (call !== 'exec' || freezer.armed) return;
    freezer.armed = 'task';
    throw silence();
  };

  const { ending } = await carryOut(freezer);

  expect(await ending).toMatchObject({ phase: 'Failed', reason: 'AgentUnresponsive' });
  expect(freezer.armed).toBeUndefined();
});

const data = { name: 'vdb', mountpoint: '/data', type: 'xfs' };

it('expects of what the agent lists only what freezes, and what is mounted twice once', async () => {
  const freezer = new SimulatedFreezer();
  freezer.filesystems.push(
    { name: 'vda', mountpoint: '/home', type: 'ext4' },
    { name: 'vda1', mountpoint: '/boot/efi', type: 'vfat' },
    { name: 'loop0', mountpoint: '/snap/core', type: 'squashfs' },
    { name: 'sr0', mountpoint: '/media/cdrom', type: 'iso9660' },
    { name: 'vdc', mountpoint: '/new', type: 'of next year' },
  );

  const { ending } = await carryOut(freezer, { freeze: { maxFrozenSeconds: 1 } });

  expect(await ending).toMatchObject({
    phase: 'Succeeded',
    freeze: { verdict: 'Consistent', filesystems: { expected: 1, frozen: 1, thawed: 1 } },
  });
});

it('expects nothing of a guest that lists no kind that is known to freeze, as Windows', async () => {
  const freezer = new SimulatedFreezer();
  freezer.filesystems = [
    { name: '\\\\?\\Volume{1}\\', mountpoint: 'C:\\', type: 'NTFS' },
    { name: '\\\\?\\Volume{2}\\', mountpoint: 'System Reserved', type: 'NTFS' },
  ];

  const { ending } = await carryOut(freezer, { freeze: { maxFrozenSeconds: 1 } });

  expect(await ending).toMatchObject({
    phase: 'Succeeded',
    freeze: { verdict: 'Consistent', filesystems: { frozen: 1, thawed: 1 } },
  });
});

it('calls nothing consistent where a filesystem was not frozen that can be', async () => {
  const freezer = new SimulatedFreezer();
  freezer.filesystems.push(data);

  const { ending } = await carryOut(freezer);

  expect(await ending).toMatchObject({
    phase: 'Failed',
    reason: 'PartlyFrozen',
    message: expect.stringContaining('1 of 2'),
    freeze: { verdict: 'ConsistencyLost', endedBy: 'FreezeFailed', filesystems: { expected: 2, frozen: 1 } },
  });
  expect(freezer.frozen).toBe(false);
});

it('counts what is mounted after the hooks before a freeze, which may have unmounted something', async () => {
  const freezer = new SimulatedFreezer();
  freezer.filesystems.push(data);
  freezer.before = (call) => {
    if (call === 'exec') freezer.filesystems = freezer.filesystems.slice(0, 1);
  };

  const { ending } = await carryOut(freezer, { freeze: { maxFrozenSeconds: 1, hooks: { before: [hook('umount')] } } });

  expect(await ending).toMatchObject({ phase: 'Succeeded', freeze: { filesystems: { expected: 1, frozen: 1 } } });
});

it('counts the time of a guest that is held up from the instant of its group on, as the guard in it does', async () => {
  const freezer = new SimulatedFreezer();
  let asked = 0;
  freezer.isMigrating = async () => {
    if (++asked === 2) heldUpMs += 8000;
    return false;
  };
  const freezeAt = timestamp(clock.now() + 4000);

  const { ending, letGo } = await carryOut(freezer, { freeze: { barrier: true, maxFrozenSeconds: 30 }, freezeAt });
  await vi.waitFor(() => expect(freezer.frozen).toBe(true));
  letGo();

  const { freeze } = await ending;
  expect(freeze).toMatchObject({ verdict: 'Consistent', until: timestamp(Date.parse(freezeAt) + 30_000) });
});

const hook = (name: string) => ({ name, command: [name] });
const hooks = { before: [hook('stop-writes')], after: [hook('go-on'), hook('tell')] };

/** The journal's last word on a freeze whose process died when the guard was to be armed. */
async function diedPreparing(freezer: SimulatedFreezer): Promise<Sent> {
  const armed = Promise.withResolvers<void>();
  freezer.before = (call) => {
    if (call === 'exec' && freezer.started.size > 0) armed.resolve();
  };
  const { ending, notes, die } = await carryOut(freezer, { freeze: { hooks, barrier: true } });
  await armed.promise;
  die();
  await expect(ending).rejects.toThrow('it ends');
  freezer.before = () => {};
  return { guest: 'uuid', action: 'freeze', bootId: freezer.bootId, note: notes.at(-1) };
}

it.each([
  ['in the same boot', 'boot-1'],
  // A hook that was never sent can't have run, in whatever boot.
  ['in a boot that nobody can tell', undefined],
])('undoes after a restart what hooks did before, though nothing is frozen any more, %s', async (_, bootId) => {
  const freezer = new SimulatedFreezer();
  const { bootId: __, ...died } = await diedPreparing(freezer);
  freezer.armed = 'task';
  // Somebody else was faster.
  freezer.frozen = true;
  freezer.before = (call) => {
    if (call === 'exec') freezer.frozen = false;
  };

  const { ending } = await carryOut(freezer, {
    freeze: { hooks, barrier: true },
    sentBefore: { ...died, ...(bootId && { bootId }) },
  });

  expect(await ending).toMatchObject({
    reason: 'AlreadyFrozen',
    freeze: { hooks: [{ name: 'go-on' }, { name: 'tell' }] },
  });
  expect([...freezer.started.values()]).toEqual(['stop-writes', 'go-on', 'tell']);
  expect(freezer.armed).toBeUndefined();
});

it('freezes nothing any more after a restart once it has begun to undo what hooks did', async () => {
  const freezer = new SimulatedFreezer();
  let tried = false;
  freezer.before = (call) => {
    if (call !== 'exec' || freezer.started.size !== 1 || tried) return;
    // The guard can't be armed, as far as is known.
    tried = true;
    throw silence();
  };
  const { ending: first, notes } = await carryOut(freezer, { freeze: { hooks } });
  const { message } = await first;
  freezer.before = () => {};

  const sentBefore = { guest: 'uuid', action: 'freeze', bootId: 'boot-1', note: notes.at(-1) };
  const { ending } = await carryOut(freezer, { freeze: { hooks }, sentBefore });

  const told = ['stop-writes', 'go-on', 'tell'].map((name) => ({ name, exitCode: 0 }));
  expect(await ending).toMatchObject({ reason: 'AgentUnresponsive', message, freeze: { hooks: told } });
  expect([...freezer.started.values()]).toEqual(['stop-writes', 'go-on', 'tell']);
  expect(freezer.calls).not.toContain('freeze');
});

it('runs no hook after a restart where none had begun before', async () => {
  const freezer = new SimulatedFreezer();
  freezer.frozen = true;

  const { ending } = await carryOut(freezer, {
    freeze: { hooks },
    sentBefore: { guest: 'uuid', action: 'freeze', bootId: 'boot-1' },
  });

  expect(await ending).toMatchObject({ reason: 'AlreadyFrozen' });
  expect(freezer.started.size).toBe(0);
});

it('tries until it reaches the guest, to undo what hooks did', async () => {
  const freezer = new SimulatedFreezer();
  const died = await diedPreparing(freezer);
  let tries = 0;
  freezer.before = (call) => {
    if (call === 'exec' && ++tries <= 6) throw new NotConnectedError('no connection');
  };

  const { ending, letGo } = await carryOut(freezer, { freeze: { hooks, barrier: true }, sentBefore: died });
  letGo();

  expect((await ending).freeze?.hooks).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }]);
  expect([...freezer.started.values()]).toEqual(['stop-writes', 'go-on', 'tell']);
});

it('starts no hook a second time that may have begun after a freeze, in whatever boot the guest is by then', async () => {
  const freezer = new SimulatedFreezer();
  const { ending: first, notes, letGo } = await carryOut(freezer, { freeze: { hooks } });
  freezer.before = (call) => {
    if (call === 'freeze') letGo();
  };
  await first;
  expect([...freezer.started.values()]).toContain('go-on');
  freezer.started.clear();
  freezer.bootId = 'boot-2';

  const sentBefore = { guest: 'uuid', action: 'freeze', bootId: 'boot-1', note: notes.at(-1) };
  const { ending, letGo: again } = await carryOut(freezer, { freeze: { hooks }, sentBefore });
  again();

  const lost = { when: 'after', reason: 'GuestRebooted' };
  expect((await ending).freeze?.hooks).toMatchObject([{ when: 'before' }, lost, lost]);
  expect(freezer.started.size).toBe(0);
});
