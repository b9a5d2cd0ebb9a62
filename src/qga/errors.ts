/** What a failed call means for the guest. */
export type Outcome =
  /** The guest never saw it. */
  | 'NotSent'
  /** The guest's agent saw it and said no. */
  | 'Refused'
  /** It may have been carried out (C13). */
  | 'Unknown';

export type AgentErrorCode =
  /** The host has no such domain. */
  | 'NoDomain'
  /** The domain is off or paused (C18). */
  | 'NotRunning'
  /** The domain's definition has no guest agent channel: only a redefinition helps (C18). */
  | 'NoChannel'
  /** Another client holds the domain's agent (C15). */
  | 'Busy'
  /** The agent did not answer, or is not connected. */
  | 'Unresponsive'
  /** The agent's answer did not come in time. */
  | 'TimedOut'
  /** The agent answered with an error. */
  | 'Refused'
  /** The answer was over libvirt's 4 MiB (C1) and is lost. */
  | 'ReplyTooLarge'
  /** libvirt can't be reached. */
  | 'NoHypervisor'
  /** The connection to libvirt broke during the call. */
  | 'ConnectionLost'
  /** The answer is not what the protocol says. */
  | 'MalformedReply'
  /** Anything else libvirt says. */
  | 'HypervisorError';

/** A guest agent call that failed. Match on `code` and `outcome`, never on the text: it differs by version (C5). */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;
  readonly outcome: Outcome;
  /** Whether the same call may succeed later without anybody changing the domain or its agent. */
  readonly retryable: boolean;

  constructor(code: AgentErrorCode, outcome: Outcome, retryable: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.outcome = outcome;
    this.retryable = retryable;
  }
}

export class MalformedReplyError extends AgentError {
  constructor(command: string, problem: string, options?: ErrorOptions) {
    super(
      'MalformedReply',
      'Unknown',
      false,
      `the guest agent's answer to ${command} is malformed: ${problem}`,
      options,
    );
  }
}
