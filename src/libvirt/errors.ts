/**
 * The numbers of libvirt's errors (virErrorNumber in libvirt/virterror.h) that a caller may want to tell apart. They
 * are stable: match on them and never on the text, which differs by version.
 */
export const virErrorNumber = {
  INTERNAL_ERROR: 1,
  /** The driver has no such function. */
  NO_SUPPORT: 3,
  NO_CONNECT: 5,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  XML_ERROR: 27,
  OPERATION_DENIED: 29,
  SYSTEM_ERROR: 38,
  /** The wire protocol failed; also what an answer over 4 MiB ends in. */
  RPC: 39,
  NO_DOMAIN: 42,
  AUTH_FAILED: 45,
  /** Not in the domain's present state. */
  OPERATION_INVALID: 55,
  CONFIG_UNSUPPORTED: 67,
  /** Another client held the domain's agent for 30 s. */
  OPERATION_TIMEOUT: 68,
  /** Of an agent call: the domain's definition has no agent channel. */
  ARGUMENT_UNSUPPORTED: 74,
  OPERATION_ABORTED: 78,
  NO_DOMAIN_METADATA: 80,
  OPERATION_UNSUPPORTED: 84,
  /** The agent is not connected or did not answer; before libvirt 11.2 also an answer that came too late. */
  AGENT_UNRESPONSIVE: 86,
  RESOURCE_BUSY: 87,
  ACCESS_DENIED: 88,
  AGENT_UNSYNCED: 97,
  DEVICE_MISSING: 99,
  /** Since libvirt 11.2: the command was sent and its answer did not come in time. */
  AGENT_COMMAND_TIMEOUT: 112,
  /** Since libvirt 11.2: the agent answered with an error. */
  AGENT_COMMAND_FAILED: 113,
} as const;

/** What libvirt keeps of a failed call (struct _virError). */
export interface VirError {
  /** virErrorNumber */
  code: number;
  /** virErrorDomain: the part of libvirt that raised it. */
  domain: number;
  /** virErrorLevel: 1 is a warning, 2 an error. */
  level: number;
  message: string;
}

/** A call that libvirt failed. */
export class LibvirtError extends Error {
  override readonly name = 'LibvirtError';
  /** virErrorNumber */
  readonly code: number;
  /** virErrorDomain */
  readonly domain: number;
  /** virErrorLevel */
  readonly level: number;
  /** The connection broke while the call was under way: whether it was carried out is unknown. */
  readonly connectionLost: boolean;

  constructor({ code, domain, level, message }: VirError, connectionLost = false) {
    super(message);
    this.code = code;
    this.domain = domain;
    this.level = level;
    this.connectionLost = connectionLost;
  }
}

/** There is no connection to libvirt: the call was never sent. */
export class NotConnectedError extends Error {
  override readonly name = 'NotConnectedError';
  readonly code = 'LIBVIRT_NOT_CONNECTED';
}

/** libvirt's client library can't be loaded. */
export class LibvirtMissingError extends Error {
  override readonly name = 'LibvirtMissingError';
  readonly code = 'LIBVIRT_MISSING';
}

/** libuv's thread pool is too small for the calls that may block it, and can't grow any more. */
export class ThreadPoolTooSmallError extends Error {
  override readonly name = 'ThreadPoolTooSmallError';
  readonly code = 'LIBVIRT_THREAD_POOL_TOO_SMALL';
}
