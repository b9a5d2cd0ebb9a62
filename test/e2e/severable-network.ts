import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to the API server that can be cut as a real network is: what is sent gets lost, and nobody says so. */
export interface SeverableNetwork {
  /** As the given one, by this way. */
  readonly kubeconfig: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** Leads to the server of a kubeconfig; writes `<kubeconfig>.severable` for those who are to use it. */
export async function startSeverableNetwork(kubeconfig: string): Promise<SeverableNetwork> {
  const text = await readFile(kubeconfig, 'utf8');
  const server = /"?server"?: "?(https:\/\/[^\s"]+)/.exec(text)?.[1];
  if (!server) throw new Error(`${kubeconfig} names no server`);
  const { hostname, port } = new URL(server);
  const pairs = new Set<[Socket, Socket]>();
  let isCut = false;

  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    const pair: [Socket, Socket] = [near, far];
    pairs.add(pair);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.once('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    if (isCut) swallow(pair);
    else near.pipe(far).pipe(near);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const own = `${kubeconfig}.severable`;
  await writeFile(own, text.replace(server, `https://127.0.0.1:${(proxy.address() as AddressInfo).port}`));

  function destroyAll(): void {
    for (const [near] of pairs) near.destroy();
  }
  return {
    kubeconfig: own,
    cut() {
      isCut = true;
      for (const pair of pairs) swallow(pair);
    },
    mend() {
      isCut = false;
      destroyAll();
    },
    async close() {
      destroyAll();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}

function swallow([near, far]: [Socket, Socket]): void {
  near.unpipe(far).resume();
  far.unpipe(near).resume();
}
