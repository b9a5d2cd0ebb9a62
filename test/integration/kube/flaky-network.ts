import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Endpoint, loadEndpoint } from '../../../src/kube/endpoint.ts';
import { systemClock } from '../../../src/seams/clock.ts';

/** A way to the API server on which connections can die as they do in a real network: without a word. */
export interface FlakyNetwork {
  readonly endpoint: Endpoint;
  /** From now on what is sent over the connections of now gets lost; new connections are sound. */
  swallow(): void;
  close(): Promise<void>;
}

export async function startFlakyNetwork(kubeconfig: string): Promise<FlakyNetwork> {
  const endpoint = await loadEndpoint(kubeconfig, systemClock);
  const { hostname, port } = new URL(endpoint.server);
  const pairs = new Set<[Socket, Socket]>();

  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    pairs.add([near, far]);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    endpoint: { ...endpoint, server: `https://127.0.0.1:${(proxy.address() as AddressInfo).port}` },
    swallow() {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
    async close() {
      for (const [near] of pairs) near.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
