import type { AgentError, AgentErrorCode } from '../qga/errors.ts';

const reasons: Partial<Record<AgentErrorCode, string>> = {
  NoDomain: 'GuestGone',
  NotRunning: 'GuestNotRunning',
  NoChannel: 'NoAgentChannel',
  Busy: 'AgentBusy',
  Unresponsive: 'AgentUnresponsive',
  TimedOut: 'AgentUnresponsive',
  NoHypervisor: 'LibvirtNotConnected',
  ConnectionLost: 'LibvirtNotConnected',
};

/** The reason that a status gives for a call that failed, in the words of docs/reasons.md. */
export function failureReason({ code }: AgentError): string {
  return reasons[code] ?? code;
}
