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
  /**
   * libvirt gave up the domain's channel after an answer that it could not read (C2, C34). While the domain's XML says
   * that the agent is connected, nothing gets through until the channel is plugged in anew (C35).
   */
  | 'ChannelBroken'
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
  /** The arguments are not what the protocol says. */
  | 'InvalidArguments'
  /** The request is longer than what libvirt can be sure to carry (C43). */
  | 'RequestTooLarge'
  /** Anything else libvirt says. */
  | 'HypervisorError';

/** A guest agent call that failed. Match on `code` and `outcome`, never on the text: it differs by version (C5). */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: AgentErrorCode;
  readonly outcome: Outcome;
  /** Whether the same call may succeed later without a person changing the domain or its agent. */
  readonly retryable: boolean;

  constructor(code: AgentErrorCode, outcome: Outcome, retryable: boolean, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.outcome = outcome;
    this.retryable = retryable;
  }
}

/** The answer was read and makes no sense: the command may have been carried out, so only a harmless one can be retried. */
export class MalformedReplyError extends AgentError {
  constructor({ name, repeatable }: { name: string; repeatable: boolean }, problem: string) {
    super('MalformedReply', 'Unknown', repeatable, `the guest agent's answer to ${name} is malformed: ${problem}`);
  }
}

/** The message is one sentence that names the argument by its path. */
export class InvalidArgumentsError extends AgentError {
  constructor(problem: string) {
    super('InvalidArguments', 'NotSent', false, problem);
  }
}

export class RequestTooLargeError extends AgentError {
  constructor(command: string, bytes: number, longest: number) {
    super(
      'RequestTooLarge',
      'NotSent',
      false,
      `${command} with its arguments has ${bytes} bytes: libvirt carries ${longest}`,
    );
  }
}
