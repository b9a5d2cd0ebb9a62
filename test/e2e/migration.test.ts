import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Guest, GuestExecJob, GuestTask } from '../../src/api/resources.ts';
import { managerKubeconfig, missingRights } from '../harness/account.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, testFolder } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { migrate } from '../harness/hypervisor/migrate.ts';
import { type OwnedHypervisor, startHypervisor } from '../harness/hypervisor.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';
import { type JobSpec, namespace } from './operator-fixture.ts';
import { useTasks } from './task-fixture.ts';

/** A hypervisor with the agent that serves it. */
interface Host {
  node: string;
  hypervisor: OwnedHypervisor;
  agent: OperatorProcess;
}

const folder = testFolder();
const cluster = sharedCluster();
const tasks = useTasks('migration');
let manager: OperatorProcess;
let hosts: Host[] = [];
/** Where it is at the moment, and where it goes next. */
let guest: TestGuest;
let here: Host;
let there: Host;

beforeAll(async () => {
  const { kubeconfig } = cluster;
  const started = await Promise.all(['a', 'b'].map((each) => startHypervisor({ dir: folder(each) })));
  const [first] = started;
  if (!first) throw new Error('two hypervisors were started');
  guest = await first.defineGuest({ name: 'mover', namespace });
  manager = await startManager({ kubeconfig: await managerKubeconfig(cluster, folder('manager')), dir: folder() });
  hosts = await Promise.all(
    started.map(async (hypervisor, index) => {
      const node = `move-${index + 1}`;
      const options = { kubeconfig, dir: folder(), name: node, nodeName: node, libvirtUri: hypervisor.uri };
      return { node, hypervisor, agent: await startAgent(options) };
    }),
  );
  [here, there] = hosts as [Host, Host];
  await Promise.all([manager, ...hosts.map(({ agent }) => agent)].map((each) => each.waitReady()));
  await guest.waitForAgent();
  await guestOn(here);
});
afterAll(async () => {
  await Promise.all([manager, ...hosts.map(({ agent }) => agent)].map((each) => each?.stop()));
  await Promise.all(hosts.map(({ hypervisor }) => hypervisor.stop()));
  expect(await missingRights(manager)).toEqual([]);
});

async function move({ staysDefined = false } = {}): Promise<void> {
  guest = await migrate({ guest, from: here.hypervisor, to: there.hypervisor, staysDefined });
  [here, there] = [there, here];
}

async function guestOn({ node }: Host): Promise<Guest> {
  return await eventually(
    async () => {
      const object = await cluster.get<Guest>('guest', 'mover', namespace);
      const answers = object.status?.conditions?.some(
        ({ type, status }) => type === 'AgentConnected' && status === 'True',
      );
      return object.status?.node === node && answers ? object : undefined;
    },
    { what: `the Guest on ${node}`, timeoutMs: 60_000, intervalMs: 100 },
  );
}

/** Runs a script that leaves a line in the guest at each start. */
async function begin(name: string, script: string): Promise<void> {
  const exec = {
    command: ['sh', '-c', `echo ${name} >>/tmp/runs; ${script}`],
    env: [{ name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'migration', key: 'token' } } }],
  };
  const spec: JobSpec = { target: { guestName: 'mover' }, exec };
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'migration', namespace },
    stringData: { token: 'hush' },
  });
  await cluster.apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'GuestExecJob', metadata: { name, namespace }, spec });
  await eventually(async () => (await startsOf(name)) > 0, { what: `${name} to start`, timeoutMs: 30_000 });
}

async function startsOf(name: string): Promise<number> {
  return Number((await guest.sh(`grep -cx ${name} /tmp/runs || true`)).stdout);
}

async function endOf(name: string) {
  const job = await eventually(
    async () => {
      const found = await cluster.get<GuestExecJob>('guestexecjob', name, namespace);
      return found.status?.completionTime ? found : undefined;
    },
    { what: `job ${name}`, timeoutMs: 60_000, intervalMs: 100 },
  );
  return job.status?.guests?.[0];
}

async function taskOf(name: string): Promise<GuestTask> {
  const list: { items: GuestTask[] } = JSON.parse(
    await cluster.kubectl('get', 'guesttasks', '-n', namespace, '-o', 'json'),
  );
  const found = list.items.find(({ metadata }) => metadata.ownerReferences?.[0]?.name === name);
  if (!found) throw new Error(`job ${name} made no task`);
  return found;
}

/** What a node's journal last said of a task. */
function journalled({ node }: Host, { metadata }: GuestTask): unknown {
  const lines = readFileSync(folder(`state-${node}`, 'journal.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean);
  const said = lines.map((line): { task?: string; entry?: unknown } => JSON.parse(line));
  return said.findLast(({ task }) => task === metadata.uid)?.entry ?? null;
}

it('follows a command to the host that its guest moves to, and tells its result', async () => {
  const before = await guestOn(here);
  await begin('followed', 'sleep 6; echo "it ran: $TOKEN"; exit 7');

  await move();

  expect(await endOf('followed')).toMatchObject({
    node: here.node,
    phase: 'Failed',
    reason: 'NonZeroExit',
    exitCode: 7,
    stdout: 'it ran: hush\n',
    attempts: 1,
  });
  expect(await startsOf('followed')).toBe(1);
  const task = await taskOf('followed');
  expect(task).toMatchObject({ spec: { nodeName: here.node, moves: 1 }, status: { claim: { node: here.node } } });
  // What people wrote into the Guest moves along.
  expect((await guestOn(here)).metadata.uid).toBe(before.metadata.uid);
  await eventually(async () => hosts.every((host) => journalled(host, task) === null), {
    what: 'both nodes to forget the task',
    timeoutMs: 20_000,
  });
});

it('follows it there though the agent of the host that it left was dead meanwhile', async () => {
  await begin('orphaned', 'sleep 6; exit 7');
  await here.agent.kill();

  await move({ staysDefined: true });
  await there.agent.restart();

  expect(await endOf('orphaned')).toMatchObject({ node: here.node, reason: 'NonZeroExit', exitCode: 7 });
  expect(await startsOf('orphaned')).toBe(1);
});

it('does not know the outcome of a command whose guest moved and was started anew, and does not run it again', async () => {
  expect((await there.hypervisor.virsh(['domstate', '--reason', guest.uuid])).trim()).toBe('shut off (migrated)');
  await begin('rebooted', 'sleep 60');
  await there.agent.kill();

  await move();
  await here.hypervisor.virsh(['reset', guest.uuid]);
  await here.agent.restart();

  expect(await endOf('rebooted')).toMatchObject({ phase: 'Unknown', reason: 'GuestRebooted' });
  await guest.waitForAgent();
  expect(await startsOf('rebooted')).toBe(0);
});

it('freezes no guest that is being moved', async () => {
  await guestOn(here);
  const migration = migrate({ guest, from: here.hypervisor, to: there.hypervisor, bandwidthMiB: 1 });
  migration.catch(() => {});
  await eventually(async () => /Outgoing migration/.test(await here.hypervisor.virsh(['domjobinfo', guest.uuid])), {
    what: 'the migration to begin',
    timeoutMs: 20_000,
  });

  const { phase, reason, freeze } = await tasks.run('mover', { freeze: { maxFrozenSeconds: 30 } });

  expect({ phase, reason, frozenAt: freeze?.frozenAt }).toEqual({
    phase: 'Failed',
    reason: 'GuestMigrating',
    frozenAt: undefined,
  });
  await here.hypervisor.virsh(['domjobabort', guest.uuid]);
  await expect(migration).rejects.toThrow();
});

it('thaws a frozen guest on the host that it moves to, and calls nothing consistent', async () => {
  const name = await tasks.create('mover', { freeze: { maxFrozenSeconds: 300 } });
  await tasks.until(name, ({ phase }) => phase === 'Held');
  await delay(1000);

  await move();

  const { phase, reason, freeze } = await tasks.ended(name, 30_000);
  expect({ phase, reason, verdict: freeze?.verdict, endedBy: freeze?.endedBy, owed: freeze?.thawOwed }).toEqual({
    phase: 'Failed',
    reason: 'ConsistencyLost',
    verdict: 'ConsistencyLost',
    endedBy: 'Migration',
    owed: undefined,
  });
  expect(await guest.agent('guest-fsfreeze-status')).toBe('thawed');
  expect(await tasks.task(name)).toMatchObject({ spec: { nodeName: here.node } });
});
