import { beforeAll, describe, expect, it } from 'vitest';
import { outputName } from '../../../src/agent/output-name.ts';
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
  type PasswordRotation,
  passwordRotationLabel,
  passwordRotations,
} from '../../../src/api/resources.ts';
import type { GuestStatus } from '../../../src/api/schema/guest.ts';
import { passwordRotationSpec } from '../../../src/api/schema/password-rotation.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import {
  type ConfigMap,
  configMaps,
  type KubeEvent,
  kubeEvents,
  type Lease,
  leases,
  type Secret,
  secrets,
} from '../../../src/kube/core-resources.ts';
import type { ObjectMeta, Resource } from '../../../src/kube/objects.ts';
import { newSecret, pendingPatch, promotionPatch, templatePatch } from '../../../src/manager/rotation-patches.ts';
import { annotations, readSecret } from '../../../src/manager/rotation-secret.ts';
import { sharedCluster, testNamespace } from '../../harness/fixtures.ts';
import { connect } from '../kube/support.ts';
import { installedChart, testNodes, untilRefused } from './support.ts';

interface Output extends ConfigMap {
  immutable: boolean;
}
const outputs = configMaps as Resource<Output>;

const release = installedChart({ remoteHosts: [{ name: 'hv9', uri: 'test:///default' }] });
const namespace = testNamespace();
const [mine, other] = testNodes(2) as [string, string];

let admin: Cluster;
/** The agent of `mine`, with the token that a pod there would be given. */
let agent: Cluster;
/** The same ServiceAccount with a token that is bound to nothing. */
let unbound: Cluster;
/** The agent of the remote host hv9. */
let remote: Cluster;
let manager: Cluster;
let made = 0;

beforeAll(async () => {
  admin = await connect(sharedCluster().kubeconfig);
  agent = await release.clientOf(`${release.name}-agent`, mine);
  unbound = await release.clientOf(`${release.name}-agent`);
  remote = await release.clientOf(`${release.name}-host-hv9`, other);
  manager = await release.clientOf(`${release.name}-manager`);
  const guest = await guestOf(other);
  const host = await hostOf(`probe-${other}`);
  const task = await taskOn(other);
  const lease = await admin.create(leases, leaseOf(other));
  const secret = await admin.create(secrets, someonesSecret());
  const sentence = 'bound to no node';
  await Promise.all([
    untilRefused(() => unbound.replaceStatus(guests, guest), sentence),
    untilRefused(() => unbound.replaceStatus(guestHosts, host), sentence),
    untilRefused(() => unbound.replaceStatus(guestTasks, task), sentence),
    untilRefused(() => unbound.replace(leases, lease), sentence),
    untilRefused(() => unbound.create(outputs, output(task)), sentence),
    untilRefused(() => unbound.create(kubeEvents, eventOf()), sentence),
    untilRefused(() => manager.mergePatch(secrets, secret.metadata, {}), 'somebody else'),
  ]);
});

function fresh(kind: string): string {
  return `${kind}-${++made}`;
}

function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

function newGuest(): Guest {
  const name = fresh('guest');
  return { apiVersion, kind: 'Guest', metadata: { name, namespace, labels: { [domainUuidLabel]: uuidOf(made) } } };
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

async function taskOn(nodeName: string, name = fresh('task')): Promise<GuestTask> {
  const spec = { guestName: 'web-1', guestUID: uuidOf(0), nodeName, action: { exec: { command: ['true'] } } };
  return await admin.create(guestTasks, {
    apiVersion,
    kind: 'GuestTask',
    metadata: { name, namespace },
    spec,
  });
}

function leaseOf(host: string, metadata: Partial<ObjectMeta> = {}): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: `qga-host-${host}`, namespace: release.name, labels: { [hostLabel]: host }, ...metadata },
    spec: { holderIdentity: 'journal', leaseDurationSeconds: 40 },
  };
}

/** Long output of a task, as an agent may write it. */
function output({ metadata }: GuestTask, changes: Partial<ObjectMeta> = {}): Output {
  const owner = { apiVersion, kind: 'GuestTask', name: metadata.name, uid: metadata.uid as string };
  const name = outputName(metadata, 'stdout', (made += 1));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace, labels: { 'qga.dev/output': 'stdout' }, ownerReferences: [owner], ...changes },
    binaryData: { data: 'aGVsbG8=' },
    immutable: true,
  };
}

function secretOutput(task: GuestTask, type: string): Secret {
  const { binaryData = {}, ...rest } = output(task);
  return { ...rest, kind: 'Secret', type, data: binaryData };
}

function someonesSecret(changes: Partial<Secret> = {}): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: fresh('secret'), namespace },
    type: 'Opaque',
    ...changes,
  };
}

/** Really made: the garbage collector removes a Secret whose owner is not there. */
async function rotationOf(spec: object = {}): Promise<PasswordRotation> {
  return await admin.create(passwordRotations, {
    apiVersion,
    kind: 'PasswordRotation',
    metadata: { name: fresh('rotation'), namespace },
    spec: passwordRotationSpec.parse({ target: { guestName: 'web-1' }, username: 'app', ...spec }),
  });
}

function eventOf(changes: Partial<KubeEvent> = {}): KubeEvent {
  const name = fresh('event');
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { name, namespace },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'qga.dev/agent',
    reportingInstance: mine,
    action: 'Freeze',
    reason: 'Frozen',
    type: 'Normal',
    note: 'frozen',
    regarding: { apiVersion, kind: 'Guest', name: 'web-1', namespace },
    ...changes,
  };
}

function forbidden(sentence: string): object {
  return { code: 403, message: expect.stringContaining(sentence) as string };
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
    const elsewhere = { metadata: { labels: { [domainUuidLabel]: uuidOf(999) } } };
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
        status: { ...status, domain: { uuid: uuidOf(999), name: 'x', state: 'running', persistent: true } },
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

describe('a task whose guest moved', () => {
  const move = { spec: { nodeName: mine, moves: 1 } };

  it('is bound to another host by the manager', async () => {
    expect((await manager.mergePatch(guestTasks, (await taskOn(other)).metadata, move)).spec).toMatchObject(move.spec);
  });

  it('is bound to another host by nobody else', async () => {
    const { metadata } = await taskOn(other);

    await expect(admin.mergePatch(guestTasks, metadata, move)).rejects.toMatchObject(
      forbidden('follows its guest to another host by the manager only'),
    );
    await expect(agent.mergePatch(guestTasks, metadata, move)).rejects.toMatchObject({ code: 403 });
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

describe('an agent and output', () => {
  it('writes it into ConfigMaps and Secrets of our type', async () => {
    const task = await taskOn(mine);

    const longNamed = await taskOn(mine, 'x'.repeat(253));

    await agent.create(outputs, output(task));
    await agent.create(outputs, output(longNamed));
    await agent.create(secrets, secretOutput(task, 'qga.dev/output'));
  });

  it('may not create anything else', async () => {
    const task = await taskOn(mine);
    const owners = output(task).metadata.ownerReferences ?? [];
    const foreign = owners.map((owner) => ({ ...owner, apiVersion: 'v1', kind: 'ConfigMap' }));

    const named = (name: string) => owners.map((owner) => ({ ...owner, name }));

    for (const [object, sentence] of [
      [output(task, { labels: {} }), 'may create output only'],
      [{ ...output(task), immutable: false }, 'must be immutable'],
      [output(task, { ownerReferences: [] }), 'is owned by the GuestTask'],
      [output(task, { ownerReferences: foreign }), 'is owned by the GuestTask'],
      [output(task, { name: fresh('kube-root-ca') }), 'is named after it'],
      [output(task, { name: 'deploy-script', ownerReferences: named('d') }), 'is named after it'],
      [output(task, { name: `${outputName(task.metadata, 'stdout', 0)}x` }), 'is named after it'],
      [output(task, { name: `${task.metadata.name}-00000000-stdout-0` }), 'is named after it'],
      [{ ...output(task), binaryData: { 'run.sh': 'aGVsbG8=' } }, 'bytes under the key data'],
      [{ ...output(task), data: { 'run.sh': 'reboot' } }, 'bytes under the key data'],
      [output(task, { labels: { 'qga.dev/output': '', grafana_dashboard: '1' } }), 'labels and annotations of qga.dev'],
      [output(task, { annotations: { 'other.dev/act': 'now' } }), 'labels and annotations of qga.dev'],
    ] as const) {
      await expect(agent.create(outputs, object)).rejects.toMatchObject(forbidden(sentence));
    }
    await expect(agent.create(secrets, secretOutput(task, 'Opaque'))).rejects.toMatchObject(
      forbidden('may create output only'),
    );
    const password = { ...secretOutput(task, 'qga.dev/output'), data: { password: 'aGVsbG8=' } };
    await expect(agent.create(secrets, password)).rejects.toMatchObject(forbidden('bytes under the key data'));
  });

  it('reads no Secret, no ConfigMap, and not even what it wrote', async () => {
    const task = await taskOn(mine);
    const written = await agent.create(secrets, secretOutput(task, 'qga.dev/output'));

    for (const resource of [secrets, configMaps]) {
      await expect(agent.get(resource, written.metadata)).rejects.toMatchObject({ code: 403 });
      await expect(agent.list(resource)).rejects.toMatchObject({ code: 403 });
      await expect(agent.list(resource, { namespace: release.name })).rejects.toMatchObject({ code: 403 });
      await expect(agent.delete(resource, written.metadata)).rejects.toMatchObject({ code: 403 });
    }
  });
});

describe('an agent and Events', () => {
  const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };

  it('tells of what it does, and that it did it again', async () => {
    const { metadata } = await agent.create(kubeEvents, eventOf());

    await agent.mergePatch(kubeEvents, metadata, { series });
  });

  it('may not speak for another host nor for another program, nor change what these said', async () => {
    const sentence = `the agent of ${mine} may write its own Events only`;

    for (const strange of [{ reportingInstance: other }, { reportingController: 'qga.dev/manager' }]) {
      await expect(agent.create(kubeEvents, eventOf(strange))).rejects.toMatchObject(forbidden(sentence));
      const { metadata } = await admin.create(kubeEvents, eventOf(strange));
      await expect(agent.mergePatch(kubeEvents, metadata, { series })).rejects.toMatchObject(forbidden(sentence));
    }
  });
});

describe('the manager and Secrets', () => {
  const pending = { password: 'first', id: 'a', setting: 'x' };

  it.each([
    ['as they come', {}],
    ['of type Opaque, collected with the rotation', { secretTemplate: { type: 'Opaque' }, deletionPolicy: 'Delete' }],
  ])('writes the Secrets of a rotation, %s', async (_, spec) => {
    const rotation = await rotationOf(spec);
    const guest = fresh('guest');
    const done = { guestUid: uuidOf(0), verified: 'True' as const, now: 0 };

    const first = await manager.create(secrets, newSecret(rotation, guest, pending));
    const promotion = promotionPatch(rotation, guest, readSecret(first), done);
    const promoted = await manager.mergePatch(secrets, first.metadata, promotion);
    const next = pendingPatch(rotation, guest, readSecret(promoted), { ...pending, password: 'second', id: 'b' });
    expect((await manager.mergePatch(secrets, first.metadata, next)).data).toHaveProperty('pending-password');
  });

  it.each([
    ['annotation', {}, { [annotations.account]: null }],
    ['owner', { deletionPolicy: 'Delete' }, { [annotations.rotation]: null }],
  ])('labels a Secret again that has only its %s left', async (_, spec, lost) => {
    const rotation = await rotationOf(spec);
    const guest = fresh('guest');
    const { metadata } = await admin.create(secrets, newSecret(rotation, guest, pending));
    const bare = await admin.mergePatch(secrets, metadata, {
      metadata: { labels: { [passwordRotationLabel]: null }, annotations: lost },
    });

    const patch = templatePatch(rotation, guest, readSecret(bare)) as object;
    expect((await manager.mergePatch(secrets, metadata, patch)).metadata.labels).toHaveProperty([
      passwordRotationLabel,
    ]);
  });

  it("may not make a ServiceAccount's token, nor anything else that is no rotation's", async () => {
    const labels = { [passwordRotationLabel]: 'x' };
    const token = {
      name: fresh('token'),
      namespace,
      labels,
      annotations: { 'kubernetes.io/service-account.name': 'x' },
    };

    for (const secret of [
      someonesSecret({ metadata: token, type: 'kubernetes.io/service-account-token' }),
      someonesSecret({ metadata: { name: fresh('secret'), namespace, labels }, type: 'example.com/other' }),
      someonesSecret(),
    ]) {
      await expect(manager.create(secrets, secret)).rejects.toMatchObject(
        forbidden('may write Secrets of PasswordRotations only'),
      );
    }
  });

  it("may not change somebody else's, pass one off as a rotation's, strip one of its label, or delete any", async () => {
    const theirs = await admin.create(secrets, someonesSecret());
    const labels = { [passwordRotationLabel]: 'x' };
    const typed = someonesSecret({ metadata: { name: fresh('secret'), namespace, labels }, type: 'example.com/other' });
    const ours = await admin.create(secrets, newSecret(await rotationOf(), fresh('guest'), pending));

    for (const { metadata } of [theirs, await admin.create(secrets, typed)]) {
      await expect(
        manager.mergePatch(secrets, metadata, { metadata: { labels }, data: { password: 'aGVsbG8=' } }),
      ).rejects.toMatchObject(forbidden("this is somebody else's"));
    }
    await expect(
      manager.mergePatch(secrets, ours.metadata, { metadata: { labels: { [passwordRotationLabel]: null } } }),
    ).rejects.toMatchObject(forbidden('with the label qga.dev/password-rotation'));
    for (const { metadata } of [theirs, ours])
      await expect(manager.delete(secrets, metadata)).rejects.toMatchObject(forbidden('deletes no Secret'));
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
  const { metadata } = await admin.create(secrets, someonesSecret({ type: 'example.com/other' }));
  await admin.delete(secrets, metadata);
});
