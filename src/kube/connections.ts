import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { Endpoint, TlsOptions } from './endpoint.ts';

/** Over HTTP/2 all requests share one connection, and go on using it long after it died without a word. */
const allowH2 = false;
/** A watch that is silent for so long beyond its end is dead: bookmarks come about every minute. */
const watchStallMs = 4 * 60_000;
const connectMs = 10_000;

/** Watches hold their connections for minutes: they have a pool of their own. */
interface Pools {
  calls: Dispatcher;
  watches: Dispatcher;
}

/** The connections to an API server: new ones are made with the certificates of now, by the proxy if there is one. */
export class Connections {
  readonly #endpoint: Pick<Endpoint, 'tls' | 'proxy'>;
  readonly #timeoutMs: number;
  #tls: TlsOptions;
  #pools: Pools;
  /** With other certificates than now; what is under way on them comes to its end. */
  readonly #retired = new Set<Dispatcher>();

  constructor(endpoint: Pick<Endpoint, 'tls' | 'proxy'>, timeoutMs: number) {
    this.#endpoint = endpoint;
    this.#timeoutMs = timeoutMs;
    this.#tls = endpoint.tls;
    this.#pools = this.#made();
  }

  of(use: keyof Pools): Dispatcher {
    if (this.#endpoint.tls !== this.#tls) {
      for (const pool of [this.#pools.calls, this.#pools.watches]) this.#retire(pool);
      this.#tls = this.#endpoint.tls;
      this.#pools = this.#made();
    }
    return this.#pools[use];
  }

  async close(): Promise<void> {
    const { calls, watches } = this.#pools;
    await Promise.all([calls, watches, ...this.#retired].map(async (pool) => pool.destroy()));
  }

  #retire(pool: Dispatcher): void {
    this.#retired.add(pool);
    void pool.close().then(
      () => this.#retired.delete(pool),
      () => {},
    );
  }

  #made(): Pools {
    const timeoutMs = this.#timeoutMs;
    return {
      calls: this.#pool({
        connections: 16,
        keepAliveTimeout: 60_000,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      }),
      watches: this.#pool({ headersTimeout: timeoutMs, bodyTimeout: watchStallMs }),
    };
  }

  #pool(options: Agent.Options): Dispatcher {
    const { proxy } = this.#endpoint;
    const how = { keepAlive: true, keepAliveInitialDelay: 30_000, timeout: connectMs };
    const connect = { ...this.#tls, ...how };
    if (proxy === undefined) return new Agent({ ...options, connect, allowH2 });
    // A proxy that takes the connection and never opens the way is given up, too.
    const clientFactory = (url: URL, its: object) => new Pool(url, { ...its, headersTimeout: connectMs });
    return new ProxyAgent({ ...options, uri: proxy, requestTls: connect, proxyTls: how, allowH2, clientFactory });
  }
}
