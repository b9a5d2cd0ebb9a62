import type { GuestAgent } from '../../guest/guest-agent.ts';
import { AgentError } from '../../qga/errors.ts';
import { readGuestCapabilities } from '../guest-capabilities.ts';
import { unusableCommand } from '../guest-obstacle.ts';
import type { Ending } from './action.ts';

export type Refusal =
  /** Its filesystems are frozen: what was refused will be allowed again. */
  | { kind: 'frozen' }
  /** It doesn't say: it could not be asked. */
  | { kind: 'unreachable' }
  | { kind: 'unusable'; reason: 'CommandBlocked' | 'CommandUnsupported'; message: string }
  /** It allows the command, and had a reason of its own. */
  | { kind: 'own' };

/** Why a guest's agent refused a command, as it says itself when asked: its words differ by version (C5, C36). */
export async function whyRefused(
  agent: GuestAgent,
  guestName: string,
  command: string,
  signal: AbortSignal,
): Promise<Refusal> {
  try {
    const info = await readGuestCapabilities(agent, signal);
    if (!info) return { kind: 'frozen' };
    const { supported_commands: commands } = info;
    const named = (enabled: boolean) => commands.filter((each) => each.enabled === enabled).map(({ name }) => name);
    const offer = { allowedCommands: named(true), blockedCommands: named(false) };
    const unusable = unusableCommand(guestName, [command], offer);
    return unusable ? { kind: 'unusable', ...unusable } : { kind: 'own' };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { kind: error.outcome === 'Refused' ? 'own' : 'unreachable' };
  }
}

/**
 * How an action ends whose command was refused, and so not carried out. `own` says what a reason of the agent's own means.
 * Undefined where a later try may fare better.
 */
export async function endingOfRefusal(
  agent: GuestAgent,
  guestName: string,
  command: string,
  signal: AbortSignal,
  own: () => Promise<Ending | undefined> | Ending,
): Promise<Ending | undefined> {
  const why = await whyRefused(agent, guestName, command, signal);
  switch (why.kind) {
    case 'frozen':
    case 'unreachable':
      return undefined;
    case 'unusable':
      return { phase: 'Failed', reason: why.reason, message: why.message };
    case 'own':
      return await own();
  }
}
