import { connect } from 'node:net';

/** What a command in the guest did. */
export interface GuestCommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs a shell script in the guest through the harness's own serial port, so apart from the agent: it works while
 * the agent is stopped, blocked or frozen. A guest that still boots answers when it is up. One script at a time.
 */
export async function runInGuest(socket: string, script: string, timeoutMs: number): Promise<GuestCommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const connection = connect(socket);
  const timer = setTimeout(
    () => reject(new Error(`the guest did not finish within ${timeoutMs} ms: ${script}`)),
    timeoutMs,
  );
  let answer = '';
  connection.setEncoding('latin1');
  connection.on('data', (chunk: string) => {
    answer += chunk;
    if (answer.endsWith('\n')) resolve(answer.trimEnd());
  });
  connection.on('error', reject);
  connection.on('end', () => reject(new Error('the guest is gone')));
  connection.write(`${Buffer.from(script).toString('base64')}\n`);
  try {
    const [exitCode = '', stdout = '', stderr = ''] = (await promise).split(' ');
    return { exitCode: Number(exitCode), stdout: decode(stdout), stderr: decode(stderr) };
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

/** A command as a shell line in which every word means itself. */
export function shellLine(command: readonly string[]): string {
  return command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
