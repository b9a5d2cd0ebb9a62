/**
 * Variables that a guest's shell, be it bash or dash, lets nobody set, or hands to no command. There is no other way to a
 * command's environment that keeps values out of the process list, where everybody in the guest could read them.
 */
export const shellsOwnVariables: readonly string[] = [
  'UID',
  'EUID',
  'PPID',
  'OPTIND',
  '_',
  'SHELLOPTS',
  'BASHOPTS',
  'BASH_VERSINFO',
  'BASH_ARGC',
  'BASH_ARGV',
  'BASH_LINENO',
  'BASH_SOURCE',
  'PIPESTATUS',
];

/** Why such a variable can't be given to a command. */
export const shellsOwnMessage = `a shell keeps these variables for itself, and only mode Direct needs none: ${shellsOwnVariables.join(', ')}`;
