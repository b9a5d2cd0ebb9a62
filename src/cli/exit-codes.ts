import { constants } from 'node:os';

/** What kubectl qga ends with where no command's own exit code counts. docs/kubectl-qga.md lists them for people. */
export const exitCodes = {
  ok: 0,
  /** Something is wrong with some of what was asked about, or failed in some guests. */
  wrong: 1,
  /** The command line can't be understood; nothing was done. */
  usage: 2,
  /** Of freeze: what was copied meanwhile is not consistent. */
  notConsistent: 123,
  timedOut: 124,
  /** It could not be done, or nobody knows whether it was. */
  failed: 125,
  /** The guest, or this machine, has no such program. */
  commandNotFound: 127,
} as const;

/** As a shell tells of a process that a signal ended. */
export function exitCodeOfSignal(signal: NodeJS.Signals | number): number {
  return 128 + (typeof signal === 'number' ? signal : constants.signals[signal]);
}
