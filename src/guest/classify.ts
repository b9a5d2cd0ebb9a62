import { LibvirtError, NotConnectedError, virErrorNumber } from '../libvirt/errors.ts';
import { AgentError, type AgentErrorCode, type Outcome } from '../qga/errors.ts';

const longestMessage = 1024;

/**
 * How libvirt says that it did not even ask. A daemon that speaks another language gets no benefit of the doubt, here and
 * below: what it says comes to Unknown. docs/operations.md tells to run it with LC_ALL=C.
 */
const neverAsked = ['QEMU guest agent is not connected', 'Guest agent not available for now'];

/**
 * What a failed agent call means: the table at the end of the protocol facts. `libvirtVersion` is the daemon's, as
 * `9.0.0`: from 11.2 on an agent that did not answer in time has a code of its own (C13). One that disappeared with the
 * command still shares the code of one that was never asked (C40), so there the words decide, and only for the better.
 */
export function classify(error: unknown, libvirtVersion: string | undefined): AgentError {
  if (error instanceof NotConnectedError) return agentError('NoHypervisor', 'NotSent', true, error);
  if (!(error instanceof LibvirtError)) return agentError('HypervisorError', 'Unknown', false, error);
  if (error.connectionLost) return agentError('ConnectionLost', 'Unknown', true, error);
  switch (error.code) {
    case virErrorNumber.NO_DOMAIN:
      return agentError('NoDomain', 'NotSent', false, error);
    case virErrorNumber.OPERATION_INVALID:
      return agentError('NotRunning', 'NotSent', true, error);
    case virErrorNumber.ARGUMENT_UNSUPPORTED:
      return agentError('NoChannel', 'NotSent', false, error);
    case virErrorNumber.OPERATION_TIMEOUT:
      return agentError('Busy', 'NotSent', true, error);
    case virErrorNumber.AGENT_UNRESPONSIVE:
      // A channel that libvirt gave up has no code of its own (C2): these words are all there is.
      if (error.message.includes('not available due to an error')) {
        return agentError('ChannelBroken', 'NotSent', true, error);
      }
      return agentError('Unresponsive', wasNeverAsked(error, libvirtVersion) ? 'NotSent' : 'Unknown', true, error);
    case virErrorNumber.AGENT_UNSYNCED:
      // Only ever of the guest-sync that goes before a command (C17).
      return agentError('Unresponsive', 'NotSent', true, error);
    case virErrorNumber.AGENT_COMMAND_TIMEOUT:
      return agentError('TimedOut', 'Unknown', true, error);
    case virErrorNumber.AGENT_COMMAND_FAILED:
      return agentError('Refused', 'Refused', false, error);
    case virErrorNumber.INTERNAL_ERROR:
      // Before 11.2 an agent's refusal has no code of its own: this prefix is all there is.
      return error.message.startsWith('internal error: unable to execute QEMU agent command')
        ? agentError('Refused', 'Refused', false, error)
        : agentError('HypervisorError', 'Unknown', true, error);
    case virErrorNumber.RPC:
      return agentError('ReplyTooLarge', 'Unknown', false, error);
    default:
      return agentError('HypervisorError', 'Unknown', false, error);
  }
}

function agentError(code: AgentErrorCode, outcome: Outcome, retryable: boolean, cause: unknown): AgentError {
  const message = cause instanceof Error ? cause.message : String(cause);
  // A guest's agent may put anything into its error.
  return new AgentError(code, outcome, retryable, message.slice(0, longestMessage), { cause });
}

function wasNeverAsked({ message }: LibvirtError, libvirtVersion: string | undefined): boolean {
  return isAtLeast(libvirtVersion, 11, 2) && neverAsked.some((words) => message.includes(words));
}

function isAtLeast(version: string | undefined, major: number, minor: number): boolean {
  const [haveMajor = 0, haveMinor = 0] = (version ?? '').split('.').map(Number);
  return haveMajor > major || (haveMajor === major && haveMinor >= minor);
}
