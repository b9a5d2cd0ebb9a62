import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SilentServer {
  /** A libvirt URI whose daemon takes connections and never says a word, so that calls to it block. */
  uri: string;
  /** How many connections it holds. */
  connections(): number;
  close(): Promise<void>;
}

export async function startSilentServer(): Promise<SilentServer> {
  const folder = await mkdtemp(join(tmpdir(), 'silent-'));
  const socket = join(folder, 'sock');
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => {});
    client.on('close', () => clients.delete(client));
    client.resume();
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  return {
    uri: `qemu+unix:///system?socket=${socket}`,
    connections: () => clients.size,
    async close() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      await rm(folder, { recursive: true });
    },
  };
}
