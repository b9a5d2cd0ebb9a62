import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { passwordRotationLabel } from '../../src/api/resources.ts';
import { type Secret, secrets } from '../../src/kube/core-resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { reflect } from '../../src/kube/reflector.ts';
import { createLogger } from '../../src/observability/log.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';
import { eventually } from '../harness/eventually.ts';
import type { AuditLog } from './audit-log.ts';
import { timed } from './process-usage.ts';
import { fleet, guestCount, type Stage } from './stage.ts';

/** How many passwords a second, in rounds over all guests at once. */
export interface Rotations {
  /** Made, written down, set, read back and promoted. */
  operator: number[];
  /** Set, by a script around virsh. */
  script: number[];
}

const rounds = 5;
const scriptFile = join(import.meta.dirname, 'virsh-password.sh');
const name = 'bench';
const namespace = 'default';
/** The events of a rotation and its last status follow it. */
const settleMs = 3000;

export async function measureRotations(stage: Stage): Promise<Rotations> {
  const { guests, dir, hypervisor } = stage;
  const watch = await watchPasswords(stage.controlPlane().kubeconfig);
  try {
    await begin(stage, watch);
    const result: Rotations = { operator: [], script: [] };
    const list = join(dir, 'passwords.list');
    await writeFile(list, `${guests.map((guest) => guest.name).join('\n')}\n`);
    for (let round = 1; round <= rounds; round += 1) {
      const started = performance.now();
      await watch.allAfter(() => rotateNow(stage, `round-${round}`));
      result.operator.push((guestCount / (performance.now() - started)) * 1000);
      await delay(settleMs);
      const { wallMs } = await timed('xargs', ['-a', list, `-P${guestCount}`, '-n1', scriptFile, hypervisor.uri]);
      result.script.push((guestCount / wallMs) * 1000);
    }
    return result;
  } finally {
    await watch.close();
  }
}

/** What the operator asked of the API server for one rotation of all guests, by kind of request. */
export async function countRequestsOfOneRotation(stage: Stage, audit: AuditLog): Promise<Map<string, number>> {
  const watch = await watchPasswords(stage.controlPlane().kubeconfig);
  let mark: number;
  try {
    await begin(stage, watch);
    mark = audit.mark();
    await watch.allAfter(() => rotateNow(stage, 'counted'));
  } finally {
    await watch.close();
  }
  await delay(settleMs);
  const requests = audit.requestsSince(mark, 'qga-operator');
  await stage.controlPlane().kubectl('delete', 'passwordrotation', name, '-n', namespace);
  return requests;
}

/** Resolves when every guest has a password of the rotation's. */
async function begin(stage: Stage, watch: PasswordWatch): Promise<void> {
  await stage.controlPlane().apply({
    apiVersion: 'qga.dev/v1alpha1',
    kind: 'PasswordRotation',
    metadata: { name, namespace },
    spec: { target: { selector: { matchLabels: fleet } }, username: 'app', parallelism: guestCount },
  });
  await watch.allHaveOne();
}

async function rotateNow(stage: Stage, value: string): Promise<void> {
  const annotation = `qga.dev/rotate-now=${value}`;
  await stage.controlPlane().kubectl('annotate', 'passwordrotation', name, '-n', namespace, '--overwrite', annotation);
}

interface PasswordWatch {
  allHaveOne(): Promise<void>;
  /** Resolves when, since the work began, every guest's Secret has had a new password. */
  allAfter(work: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

async function watchPasswords(kubeconfig: string): Promise<PasswordWatch> {
  const endpoint = await loadEndpoint(kubeconfig, systemClock);
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
  const ending = new AbortController();
  const current = new Map<string, string | undefined>();
  const listed = Promise.withResolvers<void>();
  const look = ({ metadata, data }: Secret) => void current.set(metadata.name, data?.['password']);
  const watching = reflect(
    {
      cluster,
      resource: secrets,
      selection: { namespace, labelSelector: passwordRotationLabel },
      clock: systemClock,
      random: systemRandom,
      logger: createLogger('error', { component: 'bench' }),
      onList(items) {
        items.forEach(look);
        listed.resolve();
      },
      onEvent: ({ object }) => look(object),
    },
    ending.signal,
  );
  await listed.promise;
  return {
    async allHaveOne() {
      await eventually(() => [...current.values()].filter((each) => each !== undefined).length === guestCount, {
        what: 'a password of every guest',
        timeoutMs: 120_000,
      });
    },
    async allAfter(work) {
      const before = new Map(current);
      await work();
      const isNew = ([secret, password]: [string, string | undefined]) =>
        password !== undefined && password !== before.get(secret);
      await eventually(() => [...current].filter(isNew).length === guestCount, {
        what: 'a new password in every guest',
        timeoutMs: 120_000,
        intervalMs: 5,
      });
    },
    async close() {
      ending.abort();
      await watching;
      await cluster.close();
    },
  };
}
