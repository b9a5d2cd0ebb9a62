import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type GuestTask, guestTasks } from '../../src/api/resources.ts';
import { type Secret, secrets } from '../../src/kube/core-resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { managerKubeconfig, missingRights } from '../harness/account.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedGuest, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';
import { baseManifests } from '../harness/vitest/shared.ts';
import { namespace } from './operator-fixture.ts';
import { fits, type Passwords, passwordsOf, rotationsOn, shadowField } from './rotation-fixture.ts';

const folder = testFolder();
const name = 'killed';
const secretName = `web-1-${name}`;
// Of its own, as it is killed, too.
let plane: ControlPlane;
let cluster: HttpCluster;
let manager: OperatorProcess;
let agent: OperatorProcess;
let guest: TestGuest;
let watcher: Watcher;
/** What stood in the shadow file before anything was rotated. */
let untouched: string;

beforeAll(async () => {
  guest = await sharedGuest('web-1');
  untouched = await shadowField(guest, 'app');
  plane = await startControlPlane({ dir: folder('cp'), controllerManager: false, manifests: baseManifests });
  cluster = new HttpCluster({ endpoint: await loadEndpoint(plane.kubeconfig, systemClock), random: Math.random });
  const { kubeconfig } = plane;
  manager = await startManager({ kubeconfig: await managerKubeconfig(plane, folder('manager')), dir: folder() });
  const { uri: libvirtUri } = sharedHypervisor();
  agent = await startAgent({ kubeconfig, dir: folder(), libvirtUri, nodeName: 'rotation-kills' });
  await Promise.all([manager.waitReady(), agent.waitReady()]);
  watcher = watch();
  const { createRotation, untilRotated } = rotationsOn(plane);
  await createRotation(name, {
    target: { guestName: 'web-1' },
    username: 'app',
    secretTemplate: { namePattern: `{guest}-${name}` },
    backoffLimit: 50,
  });
  await untilRotated(name);
});
afterAll(async () => {
  await watcher?.stop();
  await Promise.all([manager?.stop(), agent?.stop()]);
  await cluster?.close();
  await plane?.stop();
  await guest?.sh(`sed -i 's|^app:[^:]*|app:${untouched}|' /etc/shadow`);
  expect(await missingRights(manager)).toEqual([]);
});

/** How far the rotation has come; a step that passed too fast to be seen counts as come. */
const steps: Record<string, (secret: Secret, tasks: GuestTask[], before: string | undefined) => boolean> = {
  'the pending password was written': ({ data }) => data?.['pending-password'] !== undefined,
  'the task was claimed': (secret, tasks) => tasksOf(secret, tasks).some(({ status }) => status?.claim !== undefined),
  'the task ended': (secret, tasks) =>
    tasksOf(secret, tasks).some(({ status }) => status?.completionTime !== undefined),
  'the password was promoted': () => false,
};

const victims: Record<string, () => Promise<void>> = {
  manager: () => manager.restart(),
  agent: () => agent.restart(),
  'API server': async () => {
    await plane.killApiServer();
    await plane.startApiServer();
  },
  libvirtd: async () => {
    await sharedHypervisor().killLibvirtd();
    await sharedHypervisor().startLibvirtd();
  },
  'qemu-ga': () => watcher.apart(() => guest.killAgent()),
};

const matrix = Object.keys(steps).flatMap((step) => Object.keys(victims).map((victim) => [victim, step] as const));

it.each(matrix)(
  'a password in the Secret opens the account at every moment though %s was killed when %s',
  async (victim, step) => {
    const { rotateNow, passwordsIn, untilPasswordChanged } = rotationsOn(plane);
    const { password: before } = await passwordsIn(secretName);
    const looksBefore = watcher.looks;
    await rotateNow(name, `${victim}/${step}`.replaceAll(' ', '-'));
    await untilStep(step, before);

    await victims[victim]?.();

    const passwords = await untilPasswordChanged(secretName, before, 110_000);
    const live = await watcher.apart(() => shadowField(guest, 'app'));
    expect(await fits(passwords['password'] ?? '', live)).toBe(true);
    expect(passwords['previous-password']).toBe(before);
    await eventually(() => watcher.looks > looksBefore, { what: 'a look at the account', timeoutMs: 30_000 });
    expect(watcher.failures).toEqual([]);
  },
);

async function untilStep(step: string, before: string | undefined): Promise<void> {
  await eventually(
    async () => {
      const [secret, { items: tasks }] = await Promise.all([
        cluster.get(secrets, { namespace, name: secretName }),
        cluster.list(guestTasks, { namespace }),
      ]);
      return passwordsOf(secret)['password'] !== before || steps[step]?.(secret, tasks, before);
    },
    { what: step, timeoutMs: 60_000, intervalMs: 3 },
  );
}

function tasksOf({ metadata }: Secret, tasks: GuestTask[]): GuestTask[] {
  const pending = metadata.annotations?.['qga.dev/pending-id'];
  return tasks.filter(
    (task) => pending !== undefined && task.metadata.annotations?.['qga.dev/password-id'] === pending,
  );
}

interface Watcher {
  readonly looks: number;
  readonly failures: string[];
  /** Does something with the guest's console between two looks. */
  apart<T>(work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** Looks all the time: does any password of the Secret, as it was before or after the look, open the account? */
function watch(): Watcher {
  const stopping = new AbortController();
  const failures: string[] = [];
  let looks = 0;
  let turn: Promise<unknown> = Promise.resolve();
  async function apart<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => {});
    return mine;
  }
  async function secretNow(): Promise<Passwords | undefined> {
    while (!stopping.signal.aborted) {
      try {
        return passwordsOf(await cluster.get(secrets, { namespace, name: secretName }));
      } catch {
        await delay(50);
      }
    }
    return undefined;
  }
  async function run(): Promise<void> {
    let before = await secretNow();
    while (!stopping.signal.aborted) {
      const field = await apart(() => shadowField(guest, 'app'));
      const after = await secretNow();
      if (!before || !after) return;
      const known = new Set([...Object.values(before), ...Object.values(after)]);
      const open = await Promise.all([...known].map((password) => fits(password, field)));
      if (field !== untouched && !open.includes(true))
        failures.push(`after ${looks} looks nothing of ${Object.keys(after).join(', ')} opens it`);
      looks += 1;
      before = after;
      await delay(20);
    }
  }
  const running = run();
  return {
    get looks() {
      return looks;
    },
    failures,
    apart,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
