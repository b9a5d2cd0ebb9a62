/** Where processes of a cluster run, and where they are reached. */
export interface Place {
  address: string;
  /** Put before a command, it runs the command there. */
  enter: readonly string[];
}

export const loopback = '127.0.0.1';
export const thisMachine: Place = { address: loopback, enter: [] };

/** A command line that runs there. */
export function inPlace(
  enter: readonly string[],
  program: string,
  args: readonly string[],
): { command: string; args: string[] } {
  const [command, ...rest] = [...enter, program];
  return { command, args: [...rest, ...args] };
}
