import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what kernels hand out to outgoing connections, so that a restarted server finds its port still free. */
const lowestPort = 20_000;
const highestPort = 32_000;

/** Finds `count` different loopback ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = lowestPort + Math.floor(Math.random() * (highestPort - lowestPort));
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
