import { setTimeout as delay } from 'node:timers/promises';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import type { AuditLog } from './audit-log.ts';
import { cpuMs } from './process-usage.ts';
import { fleet, type Stage } from './stage.ts';

export const quietSeconds = 60;
const settleMs = 30_000;
/** The events of a job that ended follow its last status. */
const eventsMs = 3000;
const userAgent = 'qga-operator';
const fleetJob = 'account';

/** What the operator asked of the API server for one job over all guests, by kind of request. */
export async function countRequestsOfOneJob(stage: Stage, audit: AuditLog): Promise<Map<string, number>> {
  const { apply, kubectl } = stage.controlPlane();
  const mark = audit.mark();
  await apply({
    apiVersion: 'qga.dev/v1alpha1',
    kind: 'GuestExecJob',
    metadata: { name: fleetJob, namespace: 'default' },
    spec: { target: { selector: { matchLabels: fleet } }, exec: { command: ['true'] } },
  });
  await kubectl('wait', '--for=condition=Complete', `gxj/${fleetJob}`, '--timeout=60s');
  await delay(eventsMs);
  return audit.requestsSince(mark, userAgent);
}

export interface QuietMinute {
  requests: Map<string, number>;
  /** Bytes that all guests' agents read: any call at all is some. */
  agentBytes: number;
  /** CPU milliseconds of manager and agent together. */
  cpuMs: number;
}

/** What happens in a minute in which nothing happens, long enough after the last change. */
export async function watchQuietMinute(stage: Stage, audit: AuditLog, signal: AbortSignal): Promise<QuietMinute> {
  await assertWitness(stage);
  await delay(settleMs, undefined, { signal });
  const mark = audit.mark();
  const before = await bytesReadByAgents(stage.guests);
  const cpuBefore = cpuMs(stage.manager.pid, stage.agent.pid);
  await delay(quietSeconds * 1000, undefined, { signal });
  return {
    requests: audit.requestsSince(mark, userAgent),
    agentBytes: (await bytesReadByAgents(stage.guests)) - before,
    cpuMs: cpuMs(stage.manager.pid, stage.agent.pid) - cpuBefore,
  };
}

/** The kernel of each guest counts what its agent reads; asked through the harness's own channel, not the agent's. */
async function bytesReadByAgents(guests: readonly TestGuest[]): Promise<number> {
  let total = 0;
  for (const guest of guests) {
    const { stdout } = await guest.sh('cat /proc/$(pidof qemu-ga)/io');
    const bytes = /^rchar: (\d+)$/m.exec(stdout)?.[1];
    if (bytes === undefined) throw new Error(`${guest.name} doesn't tell what its agent read: ${stdout}`);
    total += Number(bytes);
  }
  return total;
}

/** A witness that saw nothing must be one that can see. */
async function assertWitness({ guests }: Stage): Promise<void> {
  const before = await bytesReadByAgents(guests);
  await guests[0]?.agent('guest-ping');
  if ((await bytesReadByAgents(guests)) <= before) throw new Error('a ping of an agent went unnoticed');
}
