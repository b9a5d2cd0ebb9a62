import { afterAll, beforeAll, expect, it } from 'vitest';
import { apiVersion, type Guest, type GuestHost, type GuestTask } from '../../../src/api/resources.ts';
import { leases } from '../../../src/kube/core-resources.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testFolder, testNamespace } from '../../harness/fixtures.ts';
import { type OperatorProcess, startAgent } from '../../harness/operator.ts';
import { installedChart, testNodes, untilRefused } from './support.ts';

const release = installedChart({ remoteHosts: [{ name: 'hv7', uri: 'test:///default' }] });
const namespace = testNamespace();
const folder = testFolder();
const [here, there] = testNodes(2) as [string, string];
const { apply, get, kubectl } = sharedCluster();
const running: OperatorProcess[] = [];
beforeAll(async () => {
  const unbound = await release.clientOf(`${release.name}-agent`);
  const lease = { metadata: { name: 'nobody', namespace: release.name }, spec: {} };
  await untilRefused(() => unbound.create(leases, lease), 'bound to no node');
});
afterAll(async () => {
  await Promise.all(running.map((each) => each.kill()));
});

/** The real agent on libvirt's own driver for tests, with nothing but the token that the chart gives it. */
async function chartAgent(
  nodeName: string,
  kubeconfig: string,
  defaultNamespace = namespace,
): Promise<OperatorProcess> {
  const agent = await startAgent({
    kubeconfig,
    dir: folder(),
    name: nodeName,
    nodeName,
    defaultNamespace,
    libvirtUri: 'test:///default',
    args: [`--namespace=${release.name}`],
  });
  running.push(agent);
  await agent.waitReady();
  return agent;
}

function problems(agent: OperatorProcess): unknown[] {
  return agent.logs().filter(({ level }) => level === 'warn' || level === 'error');
}

async function until<T>(read: () => Promise<T>, test: (object: T) => boolean, what: string): Promise<T> {
  return await eventually(
    async () => {
      const object = await read();
      return test(object) ? object : undefined;
    },
    { what, timeoutMs: 30_000, intervalMs: 200 },
  );
}

it("does an agent's whole work with the rights that the chart gives it", async () => {
  const agent = await chartAgent(here, await release.kubeconfigOf(`${release.name}-agent`, here));

  await until(
    () => get<GuestHost>('guesthost', here),
    ({ status }) => status?.guests?.total === 1,
    'the GuestHost to count the guest',
  );
  const guest = await until(
    () => get<Guest>('guest', 'test', namespace),
    ({ status }) => status?.node === here,
    'the Guest to be there',
  );
  await kubectl('get', 'lease', `qga-host-${here}`, '-n', release.name);

  const spec = {
    guestName: 'test',
    guestUID: guest.status?.domain?.uuid,
    nodeName: here,
    action: { exec: { command: ['true'] } },
    startingDeadline: '2026-01-01T00:00:00Z',
  };
  await apply({ apiVersion, kind: 'GuestTask', metadata: { name: 'task', namespace }, spec });
  await until(
    () => get<GuestTask>('guesttask', 'task', namespace),
    ({ status }) => status?.phase === 'Failed',
    'the task to be reported on',
  );

  await kubectl('delete', 'guest', 'test', '-n', namespace);
  await until(
    () => get<Guest>('guest', 'test', namespace),
    ({ status }) => status?.node === here,
    'the Guest to be made anew',
  );
  expect(problems(agent)).toEqual([]);
});

it('leaves a guest to the node that runs it, and takes it over when that one is not heard of any more', async () => {
  const rival = await chartAgent(there, await release.kubeconfigOf(`${release.name}-agent`, there));
  await until(
    () => get<GuestHost>('guesthost', there),
    ({ status }) => status?.guests?.total === 1,
    'the other agent to have seen the same domain',
  );
  const guest = await get<Guest>('guest', 'test', namespace);
  expect(guest.status?.node).toBe(here);

  await running[0]?.kill();
  // As the manager writes when a host's Lease has run out.
  const conditions = guest.status?.conditions?.map((each) => ({ ...each, status: 'Unknown' }));
  const patch = JSON.stringify({ status: { conditions } });
  await kubectl('patch', 'guest', 'test', '-n', namespace, '--subresource=status', '--type=merge', '-p', patch);

  await until(
    () => get<Guest>('guest', 'test', namespace),
    ({ status }) => status?.node === there,
    'the Guest to be taken over',
  );
  expect(problems(rival)).toEqual([]);
});

it('lets the agent of a remote host speak for that host, whatever node its pod is on', async () => {
  const kubeconfig = await release.kubeconfigOf(`${release.name}-host-hv7`, here);

  const agent = await chartAgent('hv7', kubeconfig, release.name);

  await until(
    () => get<Guest>('guest', 'test', release.name),
    ({ status }) => status?.node === 'hv7',
    'the Guest to be there',
  );
  expect(problems(agent)).toEqual([]);
});

it('keeps an agent that claims to be another host from doing anything in its name', async () => {
  const kubeconfig = await release.kubeconfigOf(`${release.name}-agent`, here);
  const impostor = await startAgent({
    kubeconfig,
    dir: folder(),
    name: 'impostor',
    nodeName: 'made-up',
    defaultNamespace: namespace,
    libvirtUri: 'test:///default',
    args: [`--namespace=${release.name}`],
  });
  running.push(impostor);

  await until(
    async () => JSON.stringify(impostor.logs()),
    (log) => log.includes(`the agent of ${here} may keep one Lease: qga-host-${here}`),
    'the impostor to be refused its Lease',
  );
  await expect(kubectl('get', 'guesthost', 'made-up')).rejects.toThrow('not found');
});
