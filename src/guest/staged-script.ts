import { longestRequest } from '../qga/limits.ts';
import type { Clock } from '../seams/clock.ts';
import type { GuestAgent } from './guest-agent.ts';
import { GuestFile } from './guest-file.ts';
import { runScript } from './run-script.ts';

/** What a guest-exec is besides its input. */
const requestOverhead = 512;

/**
 * A script that can be sent to a shell in the guest in place of `script`: the same one, or, where that is longer than one
 * request can be (C43), one that runs what was written to a file before. Throws an AgentError.
 */
export async function stagedScript(
  agent: GuestAgent,
  id: string,
  script: string,
  call: { clock: Clock; signal: AbortSignal },
): Promise<string> {
  const bytes = Buffer.from(script, 'utf8');
  if ((bytes.length * 4) / 3 + requestOverhead <= longestRequest) return script;
  // In a folder that only root can look into: the agent makes new files for everybody to read.
  await runScript(agent, '[ -d /run/qga ] || mkdir -m 700 /run/qga\n', call);
  const path = `/run/qga/${id}.script`;
  const failure = await (await GuestFile.open(agent, path, 'w', call)).fillAndClose(bytes);
  if (failure) throw failure;
  return `_qga_script=$(cat ${path}) && rm -f ${path} && eval "$_qga_script"\n`;
}
