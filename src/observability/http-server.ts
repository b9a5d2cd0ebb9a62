import { createServer, type Server } from 'node:http';
import type { Registry } from 'prom-client';
import type { Readiness } from './readiness.ts';

export interface ListenAddress {
  host?: string;
  port: number;
}

/** Parses `host:port`, `:port` or `[::1]:port`; `0` alone means: don't listen. Throws a RangeError with a sentence. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  if (text === '0') return undefined;
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new RangeError(`${text} is not an address to listen on: write host:port, :port or 0`);
  const host = match[1] ?? match[2];
  return host ? { host, port } : { port };
}

/** Serves `/metrics`, `/healthz` and `/readyz`. Rejects when it can't listen. */
export async function serveObservability(
  address: ListenAddress,
  registry: Registry,
  readiness: Readiness,
): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') =>
      response.writeHead(status, { 'content-type': type }).end(text);
    const [pathname] = (request.url ?? '/').split('?');
    if (pathname === '/healthz') answer(200, 'ok\n');
    else if (pathname === '/readyz') {
      const { ready, text } = readiness.report();
      answer(ready ? 200 : 503, `${text}${ready ? 'ok' : 'not ready'}\n`);
    } else if (pathname === '/metrics') {
      registry.metrics().then(
        (text) => answer(200, text, registry.contentType),
        (error: unknown) => answer(500, `${String(error)}\n`),
      );
    } else answer(404, 'there are /metrics, /healthz and /readyz\n');
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
  });
  return server;
}
