import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  apiVersion,
  domainUuidLabel,
  type Guest,
  type GuestHost,
  type GuestTask,
  guestHosts,
  guests,
  guestTasks,
  hostLabel,
} from '../../../../src/api/resources.ts';
import type { GuestStatus } from '../../../../src/api/schema/guest.ts';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import { configMaps, type Lease, leases, secrets } from '../../../../src/kube/core-resources.ts';
import type { ObjectMeta } from '../../../../src/kube/objects.ts';
import { sharedCluster, testNamespace } from '../../../harness/fixtures.ts';
import { configMap, connect } from '../../kube/support.ts';
import { installedChart, testNodes, untilRefused } from '../support.ts';
import { boundToNoNode, forbidden, fresh, newTask, someonesSecret } from './support.ts';

const release = installedChart({ remoteHosts: [{ name: 'hv9', uri: 'test:///default' }] });
const namespace = testNamespace();
const [mine, other] = testNodes(2) as [string, string];

let admin: Cluster;
/** The agent of `mine`, with the token that a pod there would be given. */
let agent: Cluster;
/** The agent of the remote host hv9. */
let remote: Cluster;

beforeAll(async () => {
  admin = await connect(sharedCluster().kubeconfig);
  agent = await release.clientOf(`${release.name}-agent`, mine);
  remote = await release.clientOf(`${release.name}-host-hv9`, other);
  const unbound = await release.clientOf(`${release.name}-agent`);
  const manager = await release.clientOf(`${release.name}-manager`);
  const guest = await guestOf(other);
  const host = await hostOf(`probe-${other}`);
  const task = await taskOn(other);
  const lease = await admin.create(leases, leaseOf(other));
  const secret = await admin.create(secrets, someonesSecret(namespace));
  await Promise.all([
    untilRefused(() => unbound.replaceStatus(guests, guest), boundToNoNode),
    untilRefused(() => unbound.replaceStatus(guestHosts, host), boundToNoNode),
    untilRefused(() => unbound.replaceStatus(guestTasks, task), boundToNoNode),
    untilRefused(() => unbound.replace(leases, lease), boundToNoNode),
    // Two more that everybody else is to be left alone by.
    untilRefused(() => unbound.create(configMaps, configMap(namespace, fresh('probe'))), boundToNoNode),
    untilRefused(() => manager.mergePatch(secrets, secret.metadata, {}), 'somebody else'),
  ]);
});

function newGuest(): Guest {
  const labels = { [domainUuidLabel]: randomUUID() };
  return { apiVersion, kind: 'Guest', metadata: { name: fresh('guest'), namespace, labels } };
}

function statusOn(node: string, { metadata }: Guest, state = 'running'): GuestStatus {
  const uuid = metadata.labels?.[domainUuidLabel] ?? '';
  return { node, domain: { uuid, name: metadata.name, state, persistent: true } };
}

/** A Guest that this node is said to run. */
async function guestOf(node: string, state?: string): Promise<Guest> {
  const guest = await admin.create(guests, newGuest());
  return await admin.replaceStatus(guests, { ...guest, status: statusOn(node, guest, state) });
}

async function hostOf(name: string): Promise<GuestHost> {
  return await admin.create(guestHosts, { apiVersion, kind: 'GuestHost', metadata: { name } });
}

async function taskOn(nodeName: string): Promise<GuestTask> {
  return await admin.create(guestTasks, newTask(namespace, nodeName));
}

function leaseOf(host: string, metadata: Partial<ObjectMeta> = {}): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: `qga-host-${host}`, namespace: release.name, labels: { [hostLabel]: host }, ...metadata },
    spec: { holderIdentity: 'journal', leaseDurationSeconds: 40 },
  };
}

describe('an agent and Guests', () => {
  it('makes a Guest, says that its own host runs it, labels it and removes it', async () => {
    const guest = await agent.create(guests, newGuest());
    const claimed = await agent.replaceStatus(guests, { ...guest, status: statusOn(mine, guest) });
    await agent.mergePatch(guests, claimed.metadata, { metadata: { labels: { app: 'web' } } });
    await agent.delete(guests, claimed.metadata);
  });

  it('may not say that another host runs it', async () => {
    const guest = await agent.create(guests, newGuest());

    await expect(agent.replaceStatus(guests, { ...guest, status: statusOn(other, guest) })).rejects.toMatchObject(
      forbidden(`the agent of ${mine} may not say that a Guest runs on ${other}`),
    );
    await expect(agent.replaceStatus(guests, { ...guest, status: {} })).rejects.toMatchObject(
      forbidden('may not say that a Guest runs on no host'),
    );
  });

  it("may not write, take, relabel or delete another host's Guest", async () => {
    const guest = await guestOf(other);
    const { metadata } = guest;

    await expect(agent.replaceStatus(guests, guest)).rejects.toMatchObject(forbidden(`runs on ${other}`));
    await expect(agent.replaceStatus(guests, { ...guest, status: statusOn(mine, guest) })).rejects.toMatchObject(
      forbidden(`the agent of ${mine} may not take this Guest from ${other}`),
    );
    await expect(agent.mergePatch(guests, metadata, { metadata: { labels: { app: 'web' } } })).rejects.toMatchObject(
      forbidden('may change or delete its own Guests only'),
    );
    await expect(agent.delete(guests, metadata)).rejects.toMatchObject(
      forbidden('may change or delete its own Guests only'),
    );
  });

  it('takes a Guest over that its host let go of', async () => {
    const guest = await guestOf(other, 'shutoff');

    await agent.replaceStatus(guests, { ...guest, status: statusOn(mine, guest) });
  });

  it('takes a Guest over from a host that fell silent', async () => {
    const guest = await guestOf(other);
    const unknown = {
      type: 'Running',
      status: 'Unknown' as const,
      reason: 'HostSilent',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    };
    const silent = await admin.replaceStatus(guests, { ...guest, status: { ...guest.status, conditions: [unknown] } });

    await agent.replaceStatus(guests, { ...silent, status: statusOn(mine, guest) });
  });

  it('may not make one Guest stand for another domain, nor set what is for people', async () => {
    const guest = await guestOf(mine);
    const { metadata } = guest;
    const elsewhere = { metadata: { labels: { [domainUuidLabel]: randomUUID() } } };
    const status = statusOn(mine, guest);

    await expect(agent.mergePatch(guests, metadata, elsewhere)).rejects.toMatchObject(
      forbidden('stands for one domain'),
    );
    await expect(
      agent.create(guests, { apiVersion, kind: 'Guest', metadata: { name: fresh('guest'), namespace } }),
    ).rejects.toMatchObject(forbidden('stands for one domain'));
    await expect(
      agent.replaceStatus(guests, {
        ...guest,
        status: { ...status, domain: { uuid: randomUUID(), name: 'x', state: 'running', persistent: true } },
      }),
    ).rejects.toMatchObject(forbidden('must be that of the domain in its label'));
    await expect(agent.mergePatch(guests, metadata, { spec: { suspend: true } })).rejects.toMatchObject(
      forbidden("a Guest's spec is for people"),
    );
    await expect(agent.create(guests, { ...newGuest(), spec: { suspend: false } })).rejects.toMatchObject(
      forbidden("a Guest's spec is for people"),
    );
  });
});

describe('an agent and GuestHosts', () => {
  it('makes and writes its own', async () => {
    const host = await agent.create(guestHosts, { apiVersion, kind: 'GuestHost', metadata: { name: mine } });

    await agent.replaceStatus(guestHosts, { ...host, status: { hypervisorVersion: '7.2.0' } });
  });

  it("may not make or write another host's", async () => {
    const host = await hostOf(other);

    await expect(agent.replaceStatus(guestHosts, host)).rejects.toMatchObject(
      forbidden(`the agent of ${mine} may write its own GuestHost only`),
    );
    await expect(
      agent.create(guestHosts, { apiVersion, kind: 'GuestHost', metadata: { name: 'made-up' } }),
    ).rejects.toMatchObject(forbidden('may write its own GuestHost only'));
  });
});

describe('an agent and GuestTasks', () => {
  it('reports on those of its own host', async () => {
    const task = await taskOn(mine);

    await agent.replaceStatus(guestTasks, { ...task, status: { phase: 'Running' } });
  });

  it("may not report on another host's, nor on one that has no host yet", async () => {
    const task = await taskOn(other);
    const { nodeName: _, ...spec } = task.spec;
    const nobodys = await admin.create(guestTasks, {
      apiVersion,
      kind: 'GuestTask',
      metadata: { name: fresh('task'), namespace },
      spec,
    });

    for (const each of [task, nobodys]) {
      await expect(agent.replaceStatus(guestTasks, { ...each, status: { phase: 'Succeeded' } })).rejects.toMatchObject(
        forbidden(`the agent of ${mine} may report on tasks of its own host only`),
      );
    }
  });

  it('may not make, change or delete one', async () => {
    const task = await taskOn(mine);
    const { metadata } = task;

    await expect(
      agent.create(guestTasks, { ...task, metadata: { name: fresh('task'), namespace } }),
    ).rejects.toMatchObject({ code: 403 });
    await expect(agent.mergePatch(guestTasks, metadata, { spec: { attempt: 3 } })).rejects.toMatchObject({ code: 403 });
    await expect(agent.delete(guestTasks, metadata)).rejects.toMatchObject({ code: 403 });
  });
});

describe('an agent and Leases', () => {
  it('keeps its own', async () => {
    const lease = await agent.create(leases, leaseOf(mine));

    await agent.replace(leases, { ...lease, spec: { ...lease.spec, holderIdentity: 'another journal' } });
  });

  it("may not touch another host's or the managers', nor pass its own off as another's", async () => {
    const theirs = await admin.get(leases, leaseOf(other).metadata);

    await expect(agent.replace(leases, theirs)).rejects.toMatchObject(
      forbidden(`the agent of ${mine} may keep one Lease: qga-host-${mine}`),
    );
    await expect(agent.create(leases, leaseOf(mine, { name: 'qga-operator-manager' }))).rejects.toMatchObject(
      forbidden('may keep one Lease'),
    );
    await expect(agent.create(leases, leaseOf(mine, { labels: { [hostLabel]: other } }))).rejects.toMatchObject(
      forbidden('may keep one Lease'),
    );
    await expect(agent.create(leases, leaseOf(mine, { namespace }))).rejects.toMatchObject({ code: 403 });
  });
});

describe("a remote host's agent", () => {
  it('speaks for the host that its ServiceAccount is named after, wherever its pod runs', async () => {
    const host = await remote.create(guestHosts, { apiVersion, kind: 'GuestHost', metadata: { name: 'hv9' } });
    await remote.replaceStatus(guestHosts, { ...host, status: { hypervisorVersion: '7.2.0' } });
    const guest = await remote.create(guests, newGuest());
    await remote.replaceStatus(guests, { ...guest, status: statusOn('hv9', guest) });
    await remote.replaceStatus(guestTasks, { ...(await taskOn('hv9')), status: { phase: 'Running' } });
    await remote.create(leases, leaseOf('hv9'));
  });

  it('may not speak for the node that its pod runs on', async () => {
    const guest = await remote.create(guests, newGuest());

    await expect(remote.replaceStatus(guests, { ...guest, status: statusOn(other, guest) })).rejects.toMatchObject(
      forbidden(`the agent of hv9 may not say that a Guest runs on ${other}`),
    );
    await expect(remote.replaceStatus(guestTasks, await taskOn(other))).rejects.toMatchObject(
      forbidden('the agent of hv9 may report on tasks of its own host only'),
    );
  });
});

it('leaves everybody else alone', async () => {
  const guest = await guestOf(other);

  await admin.mergePatch(guests, guest.metadata, { spec: { suspend: true } });
  await admin.create(configMaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: fresh('plain'), namespace },
  });
  const { metadata } = await admin.create(secrets, someonesSecret(namespace, { type: 'example.com/other' }));
  await admin.delete(secrets, metadata);
});
