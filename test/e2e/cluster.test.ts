import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apiVersion,
  type FsFreezeWindow,
  type Guest,
  type GuestExecJob,
  type GuestHost,
} from '../../src/api/resources.ts';
import type { Lease } from '../../src/kube/core-resources.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { type Cluster, startCluster } from '../harness/cluster.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedGuest, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';
import { untilFrozen } from './freeze-fixture.ts';

/** Building the image takes minutes where it was never built. */
const startTimeoutMs = 20 * 60_000;
const system = 'qga-system';
const namespace = 'team-a';
const folder = testFolder();
let cluster: Cluster;
let made = 0;

beforeAll(async () => {
  const libvirtSockets = join(sharedHypervisor().dir, 'run');
  cluster = await startCluster({ dir: folder('cluster'), libvirtSockets });
  await cluster.kubectl('create', 'namespace', namespace);
  await cluster.install();
  await sharedGuest('web-1');
}, startTimeoutMs);
afterAll(async () => {
  await cluster?.stop();
});

interface Pod extends KubeObject {
  spec: { nodeName: string };
  status: { containerStatuses?: { restartCount: number; ready: boolean }[] };
}

async function pods(component: string): Promise<Pod[]> {
  const selector = `app.kubernetes.io/component=${component}`;
  const list: { items: Pod[] } = JSON.parse(
    await cluster.kubectl('get', 'pods', '-n', system, '-l', selector, '-o', 'json'),
  );
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

async function agentPod(): Promise<string> {
  const [pod] = await pods('agent');
  if (!pod) throw new Error('no agent runs');
  return pod.metadata.name;
}

/** Appends its name to a file in the guest, works a while, and exits with 7: each run leaves one line. */
async function createJob(seconds: number): Promise<string> {
  const name = `pods-${++made}`;
  const command = ['sh', '-c', `echo ${name} >>/tmp/runs; sleep ${seconds}; echo done; exit 7`];
  const spec = { target: { guestName: 'web-1' }, exec: { command } };
  await cluster.apply({ apiVersion, kind: 'GuestExecJob', metadata: { name, namespace }, spec });
  return name;
}

/** The same, begun in the guest. */
async function startJob(seconds: number): Promise<string> {
  const name = await createJob(seconds);
  await eventually(async () => (await linesOf(name)) === 1, { what: `${name} to begin`, timeoutMs: 60_000 });
  return name;
}

async function linesOf(name: string): Promise<number> {
  const { stdout } = await (await sharedGuest('web-1')).sh(`grep -cx ${name} /tmp/runs || true`);
  return Number(stdout);
}

async function expectOneRunOf(name: string): Promise<void> {
  const job = await eventually(
    async () => {
      const now = await cluster.get<GuestExecJob>('guestexecjob', name, namespace);
      return now.status?.completionTime ? now : undefined;
    },
    { what: `${name} to end`, timeoutMs: 90_000, intervalMs: 200 },
  );
  expect(job.status?.guests).toMatchObject([{ reason: 'NonZeroExit', exitCode: 7, stdout: 'done\n' }]);
  expect(await linesOf(name)).toBe(1);
}

it('reaches libvirt through the folder of the node, and tells of its guests', async () => {
  await cluster.kubectl('wait', '--for=condition=Ready', `guesthost/${cluster.nodeName}`, '--timeout=30s');
  await cluster.kubectl('wait', '--for=create', 'guest/web-1', '-n', namespace, '--timeout=30s');
  await cluster.kubectl('wait', '--for=condition=AgentConnected', 'guest/web-1', '-n', namespace, '--timeout=60s');

  const guest = await cluster.get<Guest>('guest', 'web-1', namespace);
  expect(guest.status?.node).toBe(cluster.nodeName);
});

it('runs a command from kubectl apply to its exit code', async () => {
  await expectOneRunOf(await createJob(0));
});

describe('a command in a guest is run once, and its result told, though in its midst', () => {
  it("the agent's pod is deleted", async () => {
    const job = await startJob(5);

    await cluster.kubectl('delete', 'pod', await agentPod(), '-n', system);

    await expectOneRunOf(job);
  });

  it("the agent's pod is killed without grace", async () => {
    const job = await startJob(5);

    await cluster.kubectl('delete', 'pod', await agentPod(), '-n', system, '--grace-period=0', '--force');

    await expectOneRunOf(job);
  });

  it('the manager that leads is deleted, and another one takes the lead', async () => {
    const leader = async () => (await cluster.get<Lease>('lease', 'qga-operator-manager', system)).spec.holderIdentity;
    const before = await leader();
    const pod = (await pods('manager')).find(({ metadata }) => before?.startsWith(metadata.name));
    const job = await startJob(5);

    await cluster.kubectl('delete', 'pod', pod?.metadata.name ?? '', '-n', system);

    await expectOneRunOf(job);
    expect(await leader()).not.toBe(before);
  });

  it('the chart is upgraded, which replaces every pod', async () => {
    const before = await agentPod();
    const job = await startJob(8);

    const podAnnotations = { upgraded: 'yes' };
    await cluster.install({ manager: { podAnnotations }, agent: { podAnnotations } });

    await expectOneRunOf(job);
    expect(await agentPod()).not.toBe(before);
  });

  it('the node is drained: its agent stays', async () => {
    const before = await agentPod();
    const job = await startJob(5);

    // The managers have nowhere else to go, and their disruption budget keeps one: a drain can't end here.
    const drained = cluster.kubectl('drain', cluster.nodeName, '--ignore-daemonsets', '--timeout=8s');

    await expect(drained).rejects.toThrow("would violate the pod's disruption budget");
    await cluster.kubectl('uncordon', cluster.nodeName);
    await expectOneRunOf(job);
    expect(await agentPod()).toBe(before);
  });

  it('the chart is uninstalled and installed anew', async () => {
    const job = await startJob(8);

    await cluster.uninstall();
    await cluster.install();

    await expectOneRunOf(job);
  });
});

it("gives the agent's pod a token that is worth its own host and no other", async () => {
  await cluster.apply({ apiVersion, kind: 'GuestHost', metadata: { name: 'elsewhere' } });
  const { metadata } = await cluster.get<GuestHost>('guesthost', 'elsewhere');
  const body = {
    apiVersion,
    kind: 'GuestHost',
    metadata: { name: 'elsewhere', resourceVersion: metadata.resourceVersion },
  };
  const script = `
    const { readFileSync } = require('node:fs');
    const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
    const options = {
      method: 'PUT',
      ca: readFileSync(folder + '/ca.crt'),
      headers: { authorization: 'Bearer ' + readFileSync(folder + '/token'), 'content-type': 'application/json' },
    };
    const url = 'https://' + process.env.KUBERNETES_SERVICE_HOST + '/apis/${apiVersion}/guesthosts/elsewhere/status';
    require('node:https').request(url, options, (answer) => answer.pipe(process.stdout)).end(${JSON.stringify(JSON.stringify(body))});`;

  const answer = await cluster.kubectl('exec', await agentPod(), '-n', system, '--', 'node', '-e', script);

  expect(answer).toContain(`the agent of ${cluster.nodeName} may write its own GuestHost only`);
});

it('keeps within its memory limits while it works', async () => {
  const jobs = await Promise.all(Array.from({ length: 12 }, () => createJob(0)));
  const names = jobs.map((job) => `guestexecjob/${job}`);
  await cluster.kubectl('wait', '--for=condition=Failed', '-n', namespace, '--timeout=50s', ...names);

  const all = [...(await pods('agent')), ...(await pods('manager'))];
  expect(all.length).toBeGreaterThanOrEqual(2);
  for (const { status } of all) expect(status.containerStatuses?.[0]?.restartCount).toBe(0);
});

describe('a guest that is frozen is let go, and the truth is told of it, though in its midst', () => {
  let writes: WriteWatcher;
  beforeAll(async () => {
    writes = await watchWrites(await sharedGuest('web-1'));
  });
  afterAll(async () => writes?.stop());

  async function freeze(): Promise<string> {
    const name = `window-${++made}`;
    const spec = { target: { guestName: 'web-1' }, maxFrozenSeconds: 300 };
    await cluster.apply({ apiVersion, kind: 'FsFreezeWindow', metadata: { name, namespace }, spec });
    await cluster.kubectl('wait', `ffw/${name}`, '-n', namespace, '--for=condition=Frozen', '--timeout=50s');
    await untilFrozen(writes);
    return name;
  }
  async function ended(name: string): Promise<FsFreezeWindow> {
    return await eventually(
      async () => {
        const window = await cluster.get<FsFreezeWindow>('ffw', name, namespace);
        return window.status?.completionTime ? window : undefined;
      },
      { what: `${name} to end`, timeoutMs: 60_000, intervalMs: 200 },
    );
  }
  /** What `kubectl describe` shows of the hook's pods. */
  async function whyReleaseFailed(): Promise<string> {
    const selector = 'app.kubernetes.io/component=release-all';
    const path = 'jsonpath={.items[*].status.containerStatuses[*].state.terminated.message}';
    return await cluster.kubectl('get', 'pods', '-n', system, '-l', selector, '-o', path);
  }
  /** The interval that the evidence claims is one in which the guest itself wrote nothing. */
  function expectTruth({ status }: FsFreezeWindow): void {
    const [{ frozenAt = '', thawRequestedAt = '' } = {}] = status?.guests ?? [];
    // The console tells of a write a moment after it was done.
    const [from, to] = [Date.parse(frozenAt) + 500, Date.parse(thawRequestedAt)];
    const around = writes.frozenIntervals().filter((each) => each.from <= from && (each.to ?? to) >= to);
    expect({ frozenAt, thawRequestedAt, around: around.length }).toEqual({ frozenAt, thawRequestedAt, around: 1 });
  }

  it('the chart is upgraded, which replaces its agent', async () => {
    const window = await freeze();

    await cluster.install({ agent: { podAnnotations: { upgraded: 'again' } }, uninstall: { timeoutSeconds: 5 } });

    await writes.nextWrite();
    const after = await ended(window);
    expect(after.status).toMatchObject({ phase: 'Failed', failureReason: 'AgentShutdown' });
    expectTruth(after);
  });

  it('the chart is uninstalled: not before the guest is known to be thawed', async () => {
    const guest = await sharedGuest('web-1');
    const window = await freeze();
    await guest.stopAgent();
    try {
      await expect(cluster.uninstall()).rejects.toMatchObject({ exitCode: 1 });
    } finally {
      await guest.continueAgent();
    }
    expect(await whyReleaseFailed()).toContain(`not known to be thawed: web-1 on host ${cluster.nodeName}`);
    expect(await pods('agent')).toHaveLength(1);

    await cluster.uninstall();
    await writes.nextWrite();
    const after = await ended(window);
    expect(after.status?.endedBy).toBe('Release');
    expectTruth(after);
    expect(await pods('agent')).toHaveLength(0);
    // Nothing keeps it back that nobody would take off.
    await cluster.kubectl('delete', 'namespace', namespace, '--timeout=30s');
    const left = await cluster.kubectl('get', 'jobs,serviceaccounts,clusterroles', '-A', '-o', 'name');
    expect(left).not.toContain('release-all');
  }, 240_000);
});
