import { mkdir, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const settleMs = 50;

/** Another live process uses the state directory. */
export class StateDirInUseError extends Error {
  override readonly name = 'StateDirInUseError';
  readonly code = 'StateDirInUse';
}

/**
 * Keeps a state directory, and the journal in it, to one process: two would undo each other's promises. A socket that
 * somebody listens on is a lock that a killed process can't leave behind, and that holds across containers.
 */
export async function lockStateDir(stateDir: string): Promise<Server> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const path = join(stateDir, 'agent.lock');
  if (await isListenedOn(path)) throw inUse(stateDir);
  await rm(path, { force: true });
  const server = createServer((connection) => connection.destroy()).unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  // Of two that found a dead process's socket at once, the later took the place of the earlier.
  const { ino } = await stat(path);
  await delay(settleMs);
  if ((await stat(path)).ino !== ino) throw inUse(stateDir);
  return server;
}

function inUse(stateDir: string): StateDirInUseError {
  return new StateDirInUseError(`another agent is running with the state directory ${stateDir}: end it first`);
}

async function isListenedOn(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
