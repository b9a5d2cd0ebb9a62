/** The shells that guests have, as this machine starts them: Debian's dash, everybody's bash, and busybox. */
export const shells: [program: string, ...args: string[]][] = [['dash'], ['bash'], ['busybox', 'sh']];
