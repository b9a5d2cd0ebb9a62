import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FreezeKeeper } from '../../../src/agent/freeze-keeper.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import { TaskExecutor } from '../../../src/agent/task-executor.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Exec } from '../../../src/api/schema/exec.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { Journal, type Sent } from '../../../src/guest/journal.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { NodeKey } from '../../../src/sealing/node-key.ts';
import { seal } from '../../../src/sealing/seal.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aGuest, aJob, aTask, noon } from '../manager/objects.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-sealed-tasks-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const guest = aGuest('web-1');
const uuid = guest.status?.domain?.uuid ?? '';
const freshKey = () => NodeKey.open(mkdtempSync(join(root, 'key-')));
const key = await freshKey();
const sent: Sent = { guest: uuid, action: 'exec', bootId: 'boot-1' };

const exec: Exec = {
  script: { sourceFrom: { configMapKeyRef: { name: 'c', key: 'k' } } },
  stdinFrom: { secretKeyRef: { name: 's', key: 'k' } },
};

const isStart = (script: string | undefined) => script?.includes('_qga_keep') === true;

/** A job's task that takes its script and its input from elsewhere, sealed as `payload` says. */
async function aSealedTask(
  { to = key, payload = JSON.stringify({ kind: 'exec', script: 'exit 0' }) }: { to?: NodeKey; payload?: string },
  spec: Partial<GuestTask['spec']> = {},
): Promise<GuestTask> {
  const task = aTask(aJob({ exec }), guest, { phase: 'Running' });
  const { namespace = '', name } = task.metadata;
  const action = Object.keys(spec.action ?? task.spec.action)[0] ?? '';
  const context = { namespace, taskName: name, guestUID: uuid, action };
  const sealed = await seal(to.sealingKey, Buffer.from(payload), context);
  return { ...task, spec: { ...task.spec, sealed, ...spec } };
}

/** A node that may have sent the task before; a look at its guest says `report` of it, and a launcher that it succeeded. */
async function aNode({ openingKey, report = 'absent boot-1' }: { openingKey?: NodeKey; report?: string }) {
  const journal = await Journal.open<TaskOutcome>(mkdtempSync(join(root, 'node-')));
  const clock = new FakeClock();
  const scripts: string[] = [];
  const statuses: GuestTask['status'][] = [];
  const { logger, lines } = recordingLogger();
  const hypervisor = {
    info: () => ({ uri: 'test:///', libvirtVersion: '11.3.0', hypervisorVersion: '1' }),
    async agentCommand(_uuid: string, text: string) {
      const { execute, arguments: args = {} } = JSON.parse(text);
      if (execute !== 'guest-exec') {
        const said = isStart(scripts.at(-1)) ? 'done boot-1 0 exit 0 0' : report;
        const printed = Buffer.from(`qga1 ${uid} ${said}\n`).toString('base64');
        return JSON.stringify({ return: { exited: true, exitcode: 0, 'out-data': printed } });
      }
      scripts.push(Buffer.from(args['input-data'], 'base64').toString());
      return JSON.stringify({ return: { pid: 1 } });
    },
  } as unknown as Hypervisor;
  const registry = new GuestRegistry(hypervisor);
  registry.get(uuid).domain = { ...aDomain, uuid };
  let uid = '';
  const executor = new TaskExecutor({
    cluster: {
      async replaceStatus(_kind: unknown, task: GuestTask) {
        statuses.push(task.status);
        return task;
      },
    } as unknown as Cluster,
    freezes: {} as FreezeKeeper,
    journal,
    registry,
    openingKey,
    guestOf: () => guest,
    node: 'hv1',
    instance: 'me',
    clock,
    logger,
    signal: new AbortController().signal,
    lookAgain: () => {},
  });
  const carryOn = async (task: GuestTask, entry: Sent = sent, status: GuestTask['status'] = { phase: 'Running' }) => {
    uid = task.metadata.uid ?? '';
    const claim = { node: 'hv1', instance: 'me', journal: journal.id, bootId: 'boot-1', time: timestamp(noon) };
    await journal.record(uid, { state: 'sending', ...entry });
    await executor.reconcile({ ...task, status: { ...status, claim } });
    const over = executor.drained().then(() => true);
    while (!(await Promise.race([over, clock.advance(1000)])));
    return statuses.at(-1);
  };
  const starts = () => scripts.filter(isStart);
  return { carryOn, starts, scripts, lines };
}

describe('a task that may have been sent, and can not be opened here', () => {
  it.each([
    ['is sealed to another key', async () => ({ openingKey: await freshKey() })],
    ['meets a node without a key', async () => ({})],
  ])('waits to be sealed anew where it %s', async (_, node) => {
    const { carryOn, scripts, lines } = await aNode(await node());

    expect(await carryOn(await aSealedTask({}))).toMatchObject({ phase: 'Running', reason: 'SealedToAnotherKey' });
    expect({ scripts, lines }).toEqual({ scripts: [], lines: [] });
  });

  it.each(['NoSealingKey', 'InputNotFound', 'InputInvalid'])(
    'leaves it to the manager to say why it can not be sealed anew: %s',
    async (reason) => {
      const { carryOn } = await aNode({});

      expect(await carryOn(await aSealedTask({}), sent, { phase: 'Running', reason })).toBeUndefined();
    },
  );

  it('is found again and ended where it is unwanted, and never started', async () => {
    const { carryOn, starts, scripts } = await aNode({ report: 'withdrawn boot-1' });

    expect(await carryOn(await aSealedTask({}, { release: true }))).toMatchObject({
      phase: 'Skipped',
      reason: 'Released',
    });
    expect(scripts.length).toBeGreaterThan(0);
    expect(starts()).toEqual([]);
  });

  it('may have come to anything where its action finds nothing again', async () => {
    const { carryOn, scripts } = await aNode({});
    const action = { writeFile: { path: '/etc/x', contentFrom: { secretKeyRef: { name: 's', key: 'k' } } } };
    const task = await aSealedTask({}, { action, release: true });

    expect(await carryOn(task, { ...sent, action: 'writeFile' })).toMatchObject({
      phase: 'Unknown',
      reason: 'OutcomeUnknown',
    });
    expect(scripts).toEqual([]);
  });
});

describe('a task that is sealed to this key, and broken', () => {
  it.each([
    ['of a kind that nobody knows', { payload: '{"kind":"novel"}' }],
    ['what another action takes', { payload: '{"kind":"file","content":""}' }],
  ])('ends with a reason, and is never started: %s', async (_, how) => {
    const { carryOn, starts } = await aNode({ openingKey: key });

    expect(await carryOn(await aSealedTask(how))).toMatchObject({ phase: 'Failed', reason: 'SealBroken' });
    expect(starts()).toEqual([]);
  });

  it('is found again where it was started before it broke', async () => {
    const { carryOn, starts } = await aNode({ openingKey: key, report: 'done boot-1 3 exit 0 0' });

    expect(await carryOn(await aSealedTask({ payload: '{}' }))).toMatchObject({
      phase: 'Failed',
      reason: 'NonZeroExit',
      exec: { exitCode: 3 },
    });
    expect(starts()).toEqual([]);
  });
});

it('starts what can be opened, where it was never started', async () => {
  const { carryOn, starts } = await aNode({ openingKey: key });

  expect(await carryOn(await aSealedTask({}))).toMatchObject({ phase: 'Succeeded' });
  expect(starts()).toHaveLength(1);
});
