import { bytesOf, guestExec, guestExecStatus } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';

const firstPollMs = 12;
const pollGrowth = 1.6;
const longestPollMs = 250;
const longestMs = 30_000;

/**
 * Runs a script of moments in the guest's shell and answers what it printed. For scripts that may run twice: when the
 * answer is lost, nobody looks for it. It goes in by standard input, as arguments land in the guest's syslog (C11).
 * Throws an AgentError, or the signal's reason.
 */
export async function runScript(
  agent: GuestAgent,
  script: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const input = Buffer.from(script, 'utf8').toString('base64');
  const { pid } = await agent.call(
    guestExec,
    { path: '/bin/sh', arg: ['-s'], 'input-data': input, 'capture-output': true },
    { priority: callPriority.status, signal },
  );
  const until = clock.monotonic() + longestMs;
  for (let waitMs = firstPollMs; clock.monotonic() < until; waitMs = Math.min(waitMs * pollGrowth, longestPollMs)) {
    await clock.sleep(waitMs, signal);
    const status = await agent.call(guestExecStatus, { pid }, { priority: callPriority.status, signal });
    if (status.exited) return bytesOf(status['out-data']).toString('utf8');
  }
  throw new AgentError('TimedOut', 'Unknown', true, `a script in the guest did not end within ${longestMs} ms`);
}
