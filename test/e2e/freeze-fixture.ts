import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import type { Guest, GuestTask } from '../../src/api/resources.ts';
import type { FreezeAction, FreezeResult } from '../../src/api/schema/freeze.ts';
import { eventually } from '../harness/eventually.ts';
import { forgetGuests, sharedCluster, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import type { Kubectl } from '../harness/kubectl.ts';
import { type OperatorProcess, startAgent } from '../harness/operator.ts';
import type { WriteWatcher } from '../harness/watch-writes.ts';

export const namespace = 'team-a';

type TaskStatus = NonNullable<GuestTask['status']>;

export interface FreezeFixture {
  agent(): OperatorProcess;
  /** What the node's journal says. */
  journal(): string;
  /** As when the node is set up anew. */
  loseJournal(): void;
  /** Creates a GuestTask that freezes the guest, and answers its name. */
  freeze(guest: TestGuest, freeze?: FreezeAction, more?: Partial<GuestTask['spec']>): Promise<string>;
  /** The same for any action. */
  task(guest: TestGuest, action: GuestTask['spec']['action'], more?: Partial<GuestTask['spec']>): Promise<string>;
  patch(name: string, spec: Partial<GuestTask['spec']>): Promise<void>;
  remove(name: string): Promise<void>;
  /** The task's status once `test` holds of it. */
  until(name: string, test: (status: TaskStatus) => boolean, timeoutMs?: number): Promise<TaskStatus>;
  held(name: string): Promise<FreezeResult>;
  ended(name: string, timeoutMs?: number): Promise<TaskStatus & { freeze: FreezeResult }>;
  guest(name: string): Promise<Guest>;
}

/** Another cluster than the shared one, and how the agent reaches it. */
export interface OwnCluster {
  cluster(): Kubectl;
  kubeconfig(): string;
}

/** An agent of its own for the calling file, without a manager: tasks are made by hand, bound to its node. */
export function useFreezes(nodeName: string, own?: OwnCluster): FreezeFixture {
  const folder = testFolder();
  let agent: OperatorProcess;
  let tasks = 0;

  beforeAll(async () => {
    const kubeconfig = own?.kubeconfig() ?? sharedCluster().kubeconfig;
    if (!own) await forgetGuests();
    agent = await startAgent({ kubeconfig, dir: folder(), libvirtUri: sharedHypervisor().uri, nodeName });
    await agent.waitReady(90_000);
  });
  afterAll(async () => agent?.stop());

  const cluster = own ? own.cluster : sharedCluster;

  async function task(
    guest: TestGuest,
    action: GuestTask['spec']['action'],
    more: Partial<GuestTask['spec']> = {},
  ): Promise<string> {
    const name = `${nodeName}-${++tasks}`;
    const spec = { guestName: guest.name, guestUID: guest.uuid, nodeName, action, ...more };
    await cluster().apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'GuestTask', metadata: { name, namespace }, spec });
    return name;
  }
  async function until(name: string, test: (status: TaskStatus) => boolean, timeoutMs = 60_000): Promise<TaskStatus> {
    let last: TaskStatus | undefined;
    return await eventually(
      async () => {
        last = (await cluster().get<GuestTask>('guesttask', name, namespace)).status;
        return last && test(last) ? last : undefined;
      },
      { what: `task ${name}`, timeoutMs, intervalMs: 100, hint: () => JSON.stringify(last, undefined, 1) },
    );
  }
  return {
    agent: () => agent,
    journal: () => readFileSync(folder(`state-${nodeName}`, 'journal.jsonl'), 'utf8'),
    loseJournal: () => rmSync(folder(`state-${nodeName}`), { recursive: true }),
    task,
    until,
    freeze: (guest, freeze = {}, more = {}) => task(guest, { freeze }, more),
    async patch(name, spec) {
      await cluster().kubectl(
        'patch',
        'guesttask',
        name,
        '-n',
        namespace,
        '--type=merge',
        '-p',
        JSON.stringify({ spec }),
      );
    },
    async remove(name) {
      await cluster().kubectl('delete', 'guesttask', name, '-n', namespace);
    },
    async held(name) {
      const { phase, freeze, ...rest } = await until(
        name,
        (status) => status.completionTime !== undefined || status.phase === 'Held',
      );
      if (phase !== 'Held') throw new Error(`${name} is ${phase}: ${JSON.stringify(rest)}`);
      return freeze as FreezeResult;
    },
    async ended(name, timeoutMs) {
      const status = await until(name, ({ completionTime }) => completionTime !== undefined, timeoutMs);
      return { ...status, freeze: status.freeze ?? {} };
    },
    guest: (name) => cluster().get('guest', name, namespace),
  };
}

/** Resolves when the guest's own writes say that it is frozen, independent of what anybody claims. */
export async function untilFrozen(writes: WriteWatcher): Promise<void> {
  await eventually(() => isFrozen(writes), { what: 'the guest to be frozen', timeoutMs: 30_000 });
}

function isFrozen(writes: WriteWatcher): boolean {
  const last = writes.frozenIntervals().at(-1);
  return last !== undefined && last.to === undefined;
}
