/**
 * The shells that guests have, as this machine starts them: Debian's dash, everybody's bash, the same as it is where it
 * is the guest's /bin/sh, and busybox.
 */
export const shells: [program: string, ...args: string[]][] = [
  ['dash'],
  ['bash'],
  ['bash', '--posix'],
  ['busybox', 'sh'],
];
