import { expect, test } from 'vitest';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import { Inventory } from '../../../src/agent/inventory.ts';
import { apiVersion, domainUuidLabel, type Guest } from '../../../src/api/resources.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { findCondition } from '../../../src/kube/conditions.ts';
import { NotConnectedError } from '../../../src/libvirt/errors.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const signal = new AbortController().signal;
const facts = {
  agent: { version: '10.0.2' },
  hostname: 'web-1',
  onlineVcpus: { online: 1, canOffline: 0 },
  bootId: 'boot-1',
};

/** A node with one guest, whose agent answers, and what is written of it. */
async function aNode() {
  const clock = new FakeClock();
  const node = { connected: true, domain: aDomain, writes: 0, asked: 0 };
  let guest: Guest = {
    apiVersion,
    kind: 'Guest',
    metadata: { name: 'web-1', namespace: 'default', labels: { [domainUuidLabel]: 'uuid' } },
  };
  const hypervisor = {
    info: () => (node.connected ? { uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' } : undefined),
    async domain() {
      if (!node.connected) throw new NotConnectedError('no connection');
      return node.domain;
    },
    domains: async () => [node.domain],
  } as Partial<Hypervisor> as Hypervisor;
  const cluster = {
    async replaceStatus(_: unknown, object: Guest) {
      node.writes += 1;
      guest = structuredClone(object);
      return guest;
    },
  } as unknown as Cluster;
  const registry = new GuestRegistry(hypervisor);
  const inventory = new Inventory({
    cluster,
    hypervisor,
    registry,
    node: 'hv1',
    defaultNamespace: 'default',
    guestOf: () => guest,
    lookAgain: () => {},
    askGuest: () => {
      node.asked += 1;
    },
    isUnplugged: () => false,
    clock,
    random: { next: () => 0.5, uuid: () => '' },
    logger: recordingLogger().logger,
  });
  const look = () => inventory.reconcile('uuid', signal);
  const conditions = () =>
    Object.fromEntries(
      (guest.status?.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
    );
  await look();
  registry.get('uuid').health = { state: 'answers', facts };
  await look();
  node.writes = 0;
  node.asked = 0;
  return { node, clock, inventory, registry, look, conditions, guest: () => guest, live: registry.get('uuid') };
}

/** Looks as often as it is told to, as a controller does. */
async function lookFor({ clock, look }: Awaited<ReturnType<typeof aNode>>, ms: number): Promise<void> {
  const endAt = clock.monotonic() + ms;
  for (;;) {
    const { requeueAfterMs } = await look();
    if (requeueAfterMs === undefined || clock.monotonic() + requeueAfterMs > endAt) break;
    await clock.advance(requeueAfterMs);
  }
  await clock.advance(endAt - clock.monotonic());
}

test('says of a guest that nobody knows how it is once libvirt has been away for a while, and says so once', async () => {
  const the = await aNode();
  the.node.connected = false;
  the.inventory.onEvent({ type: 'disconnected', message: 'it died' });

  await lookFor(the, 60_000);
  await lookFor(the, 600_000);

  expect(the.conditions()).toMatchObject({
    Running: 'Unknown LibvirtNotConnected',
    AgentConnected: 'Unknown LibvirtNotConnected',
    ChannelHealthy: 'Unknown LibvirtNotConnected',
    Frozen: 'Unknown LibvirtNotConnected',
    ThawOwed: 'False NothingOwed',
  });
  expect(the.guest().status).toMatchObject({ hostname: 'web-1', domain: { state: 'running' } });
  expect(the.node.writes).toBe(1);
});

test('writes nothing of a libvirt that is soon back, and asks each guest anew: events were lost', async () => {
  const the = await aNode();
  the.node.connected = false;
  the.inventory.onEvent({ type: 'disconnected', message: 'it is restarted' });
  await lookFor(the, 5000);
  the.node.connected = true;
  the.inventory.onEvent({ type: 'connected' });

  await lookFor(the, 1000);

  expect(the.live.bootId).toBeUndefined();
  expect(the.node).toMatchObject({ writes: 0, asked: 1 });
  the.live.health = { state: 'answers', facts };
  await lookFor(the, 1000);
  expect(the.node.writes).toBe(0);
});

test('does not keep what was of a guest that went off while libvirt was away', async () => {
  const the = await aNode();
  the.node.connected = false;
  the.inventory.onEvent({ type: 'disconnected', message: 'it died' });
  await lookFor(the, 60_000);
  the.node.connected = true;
  the.node.domain = { ...aDomain, state: 'shutoff', agentChannel: 'disconnected' };
  the.inventory.onEvent({ type: 'connected' });

  await lookFor(the, 1000);

  expect(the.conditions()).toMatchObject({ Running: 'False DomainShutoff', AgentConnected: 'False DomainNotRunning' });
});

test('tells that the guest runs before its agent has been heard, and no more than that', async () => {
  const the = await aNode();
  the.node.connected = false;
  the.inventory.onEvent({ type: 'disconnected', message: 'it died' });
  await lookFor(the, 60_000);
  the.node.connected = true;
  the.inventory.onEvent({ type: 'connected' });

  await lookFor(the, 1000);

  expect(the.conditions()).toMatchObject({
    Running: 'True DomainRunning',
    AgentConnected: 'Unknown LibvirtNotConnected',
  });
  the.live.health = { state: 'answers', facts };
  await lookFor(the, 1000);
  expect(the.conditions()).toMatchObject({ AgentConnected: 'True AgentAnswers', Frozen: 'False Thawed' });
});

test('leaves the Guest of another node alone while libvirt is away', async () => {
  const the = await aNode();
  Object.assign(the.guest().status ?? {}, { node: 'hv2' });
  the.node.connected = false;
  the.inventory.onEvent({ type: 'disconnected', message: 'it died' });

  await lookFor(the, 60_000);

  expect(the.node.writes).toBe(0);
  expect(findCondition(the.guest().status?.conditions, 'Running')?.status).toBe('True');
});
