import { beforeAll, expect, it } from 'vitest';
import type { Guest, GuestHost } from '../../src/api/resources.ts';
import { findCondition } from '../../src/kube/conditions.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { namespace, useOperator } from './operator-fixture.ts';

const node = 'inventory-node';
const operator = useOperator(node);
let guest: TestGuest;

beforeAll(async () => {
  guest = await sharedHypervisor().defineGuest({ name: 'Inv_1', namespace, labels: { tier: 'gold' } });
  await guest.waitForAgent();
});

/** The promise: two seconds from what happened in libvirt to what kubectl shows. */
async function within2s(what: string, test: (guest: Guest) => boolean): Promise<Guest> {
  let last: Guest | undefined;
  return await eventually(
    async () => {
      last = await operator.guest('inv-1');
      return test(last) ? last : undefined;
    },
    { what, timeoutMs: 2000, intervalMs: 100, hint: () => JSON.stringify(last?.status, undefined, 1) },
  );
}

const agentConnected = ({ status }: Guest) => findCondition(status?.conditions, 'AgentConnected');

it('tells what the guest agent tells', async () => {
  const { metadata, status } = await within2s('the facts of the guest', ({ status: told }) => told?.os !== undefined);

  expect(metadata.labels).toMatchObject({ tier: 'gold', 'qga.dev/domain-uuid': guest.uuid });
  expect(status).toMatchObject({
    node,
    domain: { uuid: guest.uuid, name: 'Inv_1', state: 'running', persistent: true },
    agent: { version: expect.stringMatching(/^\d+\.\d+/), allowedCommands: expect.arrayContaining(['guest-exec']) },
    os: { prettyName: expect.any(String), kernelRelease: expect.any(String), machine: 'x86_64' },
    hostname: 'Inv_1',
    timezone: { offsetSeconds: expect.any(Number) },
    addresses: expect.arrayContaining(['10.0.2.15']),
    interfaces: expect.arrayContaining([expect.objectContaining({ name: 'eth0', macAddress: expect.any(String) })]),
    filesystems: expect.arrayContaining([
      expect.objectContaining({
        mountpoint: '/data',
        type: 'ext4',
        sizeMiB: expect.any(Number),
        usedPercent: expect.any(Number),
        disks: ['/dev/vda'],
      }),
    ]),
    disks: expect.arrayContaining([expect.objectContaining({ name: '/dev/vda', bus: 'virtio' })]),
    users: [{ name: 'app' }],
    vcpus: { configured: 1, online: 1 },
    memoryMiB: 128,
  });
});

it('looks again when it is asked to, and tells how the clock stands', async () => {
  await sharedCluster().kubectl('annotate', 'guest', 'inv-1', '-n', namespace, 'qga.dev/refresh=1');

  const { status } = await within2s('the answer', ({ status: told }) => told?.observedRefresh === '1');

  expect(status?.clock).toEqual({ driftMilliseconds: expect.any(Number), measuredAt: expect.any(String) });
});

it('takes labels from metadata that were written while the guest runs, as docs/guests.md says, and takes them off', async () => {
  const setMetadata = async (labels: string) => {
    const element = `<guest namespace="${namespace}">${labels}</guest>`;
    const ours = ['--uri', 'https://qga.dev/v1', '--key', 'qga', '--live', '--config', '--set', element];
    await sharedHypervisor().virsh(['metadata', 'Inv_1', ...ours]);
  };
  await sharedCluster().kubectl('label', 'guest', 'inv-1', '-n', namespace, 'by=people');

  await setMetadata('<label name="tier" value="silver"/><label name="app" value="web"/>');
  await within2s('the labels', ({ metadata }) => metadata.labels?.['tier'] === 'silver');
  await setMetadata('<label name="app" value="web"/>');
  const { metadata } = await within2s('the label to go', ({ metadata: now }) => now.labels?.['tier'] === undefined);

  expect(metadata.labels).toMatchObject({ app: 'web', by: 'people' });
});

it('sees the agent go, and come back', async () => {
  const isDown = (seen: Guest) => agentConnected(seen)?.status === 'False';
  await guest.sh('touch /tmp/gone; killall -STOP init; killall qemu-ga', 5000).catch(() => {});

  await within2s('the agent to be seen gone', isDown);
  await guest.sh('killall -CONT init').catch(() => {});

  await eventually(async () => agentConnected(await operator.guest('inv-1'))?.status === 'True', {
    what: 'the agent to be back',
    timeoutMs: 15_000,
  });
});

it('sees a guest paused, resumed, stopped and started', async () => {
  await guest.suspend();
  await within2s('the guest to be paused', ({ status }) => status?.domain?.state === 'paused');
  await guest.resume();
  await within2s(
    'the guest to run again',
    (seen) => seen.status?.domain?.state === 'running' && agentConnected(seen)?.status === 'True',
  );

  await guest.destroy();
  const stopped = await within2s('the guest to be off', ({ status }) => status?.domain?.state === 'shutoff');
  expect(findCondition(stopped.status?.conditions, 'Running')).toMatchObject({
    status: 'False',
    reason: 'DomainShutoff',
  });
  expect(stopped.status?.os?.prettyName, 'what it told last').toBeDefined();

  await guest.start();
  await within2s('the guest to run', ({ status }) => status?.domain?.state === 'running');
  await guest.waitForAgent();
  await within2s('its agent to answer', (seen) => agentConnected(seen)?.status === 'True');
});

it('counts its guests, and tells when libvirt is away', async () => {
  const host = () => sharedCluster().get<GuestHost>('guesthost', node);
  const ready = async () => findCondition((await host()).status?.conditions, 'Ready')?.status;
  const names = async (...args: string[]) =>
    (await sharedHypervisor().virsh(['list', '--name', ...args])).trim().split('\n').length;
  expect((await host()).status).toMatchObject({
    guests: { total: await names('--all'), running: await names() },
    libvirt: { version: expect.any(String) },
  });

  await sharedHypervisor().killLibvirtd();
  await expect.poll(ready, { timeout: 20_000 }).toBe('False');
  await sharedHypervisor().startLibvirtd();

  await expect.poll(ready, { timeout: 20_000 }).toBe('True');
});

it('forgets a guest whose domain is undefined', async () => {
  await guest.undefine();

  await expect
    .poll(
      () =>
        operator.guest('inv-1').then(
          () => 'there',
          () => 'gone',
        ),
      { timeout: 5000 },
    )
    .toBe('gone');
});
