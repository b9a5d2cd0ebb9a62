import { beforeAll, expect, it } from 'vitest';
import type { Guest } from '../../src/api/resources.ts';
import { findCondition } from '../../src/kube/conditions.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { namespace, useOperator } from './operator-fixture.ts';

const operator = useOperator('repair-node');
const { kubectl } = sharedCluster();
const name = 'poisoned';
let guest: TestGuest;

beforeAll(async () => {
  // What it answers with costs its memory several times over (C3).
  guest = await sharedHypervisor().defineGuest({ name, namespace, memoryMiB: 384 });
  await guest.waitForAgent();
});

function until(what: string, test: (guest: Guest) => boolean): Promise<Guest> {
  let last: Guest | undefined;
  return eventually(
    async () => {
      last = await operator.guest(name);
      return test(last) ? last : undefined;
    },
    { what, timeoutMs: 60_000, intervalMs: 200, hint: () => JSON.stringify(last?.status, undefined, 1) },
  );
}

const healthy = ({ status }: Guest) => findCondition(status?.conditions, 'ChannelHealthy');
const repairsOf = ({ status }: Guest) => status?.channel?.repairs ?? 0;
const isWell = (seen: Guest) => healthy(seen)?.status === 'True';

/** libvirt's parser gives up at the sentinel byte, and never reads from this channel again (C34). */
async function poisonBySentinel(): Promise<void> {
  await guest.agent('guest-sync-delimited', { id: 1 }).catch(() => {});
  await untilGivenUp();
}

/** libvirt reads no answer over 10 MiB, and never reads from this channel again (C2). */
async function poisonByFlood(): Promise<void> {
  const started = await guest.agent('guest-exec', {
    path: '/bin/sh',
    arg: ['-c', 'head -c 9000000 /dev/zero'],
    'capture-output': true,
  });
  for (let exited = false; !exited; ) {
    const status = guest.agent('guest-exec-status', started as Record<string, unknown>);
    exited = await status.then(
      (reply) => (reply as { exited: boolean }).exited,
      () => true,
    );
  }
  await untilGivenUp();
}

/** The first call after the poison may still be told what the matter is. */
async function untilGivenUp(): Promise<void> {
  const isGivenUp = () =>
    guest.agent('guest-ping').then(
      () => false,
      (error: Error) => error.message.includes('not available due to an error'),
    );
  await eventually(isGivenUp, { what: 'libvirt to give the channel up', timeoutMs: 120_000 });
}

async function runs(): Promise<void> {
  const { status } = await operator.ended(
    await operator.create({ target: { guestName: name }, exec: { command: ['true'] } }),
  );
  expect(status?.phase).toBe('Complete');
}

// Twelve megabytes take an emulated guest a while.
it.each([
  ['a byte that libvirt can not parse', poisonBySentinel],
  ['an answer of 12 MB', poisonByFlood],
])('mends a channel that was broken by %s, and says what happened', { timeout: 240_000 }, async (_, poison) => {
  const before = repairsOf(await until('the guest to be well', isWell));

  await poison();
  // Whoever speaks to the guest next finds it out.
  await runs();

  const seen = await until('the channel to be mended', (each) => repairsOf(each) === before + 1 && isWell(each));
  expect(seen.status?.channel).toMatchObject({ message: 'it was unplugged and plugged in again' });
  expect(await operator.agent().metrics()).toMatch(/qga_channel_repairs_total\{result="success"\} \d/);
  await runs();
});

it('leaves a broken channel to a person where the guest says so, and mends it when asked', async () => {
  await kubectl('patch', 'guest', name, '-n', namespace, '--type=merge', '-p', '{"spec":{"channelRepair":"Manual"}}');
  const before = repairsOf(await until('the guest to be well', isWell));
  await poisonBySentinel();
  const job = await operator.create({ target: { guestName: name }, exec: { command: ['true'] } });

  const broken = await until('the broken channel to be seen', (each) => healthy(each)?.status === 'False');

  expect(healthy(broken)).toMatchObject({ reason: 'ChannelBroken' });
  expect(findCondition(broken.status?.conditions, 'AgentConnected')).toMatchObject({ reason: 'ChannelBroken' });
  expect(repairsOf(broken)).toBe(before);
  await kubectl('annotate', 'guest', name, '-n', namespace, 'qga.dev/repair-channel=now');
  await until('the channel to be mended', (each) => repairsOf(each) === before + 1 && isWell(each));
  expect((await operator.ended(job)).status?.phase).toBe('Complete');
});

it('does not take an agent that hangs, or one that is not there, for a broken channel', async () => {
  const before = repairsOf(await until('the guest to be well', isWell));
  await guest.stopAgent();
  await kubectl('annotate', 'guest', name, '-n', namespace, 'qga.dev/refresh=now');

  const hung = await until('the silent agent to be seen', (each) => healthy(each)?.reason === 'AgentUnresponsive');

  expect(healthy(hung)?.status).toBe('Unknown');
  await guest.continueAgent();
  expect(repairsOf(await until('the guest to be well', isWell))).toBe(before);
});

it('plugs in again what a killed agent had unplugged', async () => {
  await until('the guest to be well', isWell);
  await kubectl('annotate', 'guest', name, '-n', namespace, '--overwrite', 'qga.dev/repair-channel=again');

  for (let kill = 0; kill < 4; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 150 * kill));
    await operator.agent().restart();
  }

  await until('the guest to be well', isWell);
  await runs();
});
