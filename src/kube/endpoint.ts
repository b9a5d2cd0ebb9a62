import type { RequestOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../seams/clock.ts';
import { proxyFor } from './proxy.ts';

/** What a TLS connection to the API server needs. */
export interface TlsOptions {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** Where the API server is, and how to be let in. */
export interface Endpoint {
  /** As `https://10.0.0.1:6443`, or with a path below which the API is. */
  server: string;
  /** Another object once a certificate has changed. */
  readonly tls: TlsOptions;
  /** The URL of the proxy on the way there. */
  proxy?: string | undefined;
  /** What a person's commands are about when they name no namespace. */
  namespace: string;
  /** The headers that authenticate a request; a token or a certificate that rotates on disk is followed, and a plugin's. */
  authorize(): Promise<Record<string, string>>;
}

/** A kubeconfig that can't be used, in a sentence. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  readonly code = 'BadKubeconfig';
}

const credentialsForMs = 30_000;
/** What client-node takes when it finds nothing. */
const lastResort = 'http://localhost:8080';

/**
 * Reads a kubeconfig; without a path `$KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order. Of
 * its contexts the named one counts, or the current one.
 * Client certificates, tokens, token files and exec plugins are @kubernetes/client-node's business.
 */
export async function loadEndpoint(path: string | undefined, clock: Clock, context?: string): Promise<Endpoint> {
  try {
    return await endpointOf(readKubeconfig(path, context), clock);
  } catch (error) {
    if (error instanceof KubeconfigError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new KubeconfigError(`the kubeconfig ${path ?? '(default)'} can't be used: ${problem}`, { cause: error });
  }
}

/** The names of a kubeconfig's contexts. */
export function contextsOf(path: string | undefined): string[] {
  return readKubeconfig(path)
    .getContexts()
    .map(({ name }) => name);
}

function readKubeconfig(path: string | undefined, context?: string): KubeConfig {
  const config = new KubeConfig();
  if (path !== undefined) config.loadFromFile(path);
  else config.loadFromDefault();
  if (context !== undefined) {
    if (!config.getContextObject(context)) {
      throw new KubeconfigError(`the kubeconfig ${path ?? '(default)'} has no context ${context}`);
    }
    config.setCurrentContext(context);
  }
  const server = config.getCurrentCluster()?.server;
  if (path === undefined && server === lastResort) {
    throw new KubeconfigError('there is no kubeconfig: neither $KUBECONFIG nor ~/.kube/config, and this is no pod');
  }
  if (server === undefined) throw new KubeconfigError(`the kubeconfig ${path ?? '(default)'} has no current cluster`);
  if (!URL.canParse(server)) throw new KubeconfigError(`the kubeconfig's server is no URL: ${server}`);
  return config;
}

async function endpointOf(config: KubeConfig, clock: Clock): Promise<Endpoint> {
  const credentials = async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return options;
  };
  let tls = tlsOf(await credentials());
  let headers: Record<string, string> = {};
  let freshUntil = Number.NEGATIVE_INFINITY;
  // Said now, in a sentence: undici would say it at the first request, and call it a lost connection.
  createSecureContext(tls);
  const server = (config.getCurrentCluster()?.server ?? '').replace(/\/+$/, '');

  return {
    server,
    proxy: proxyFor(new URL(server), config.getCurrentCluster()?.proxyUrl, process.env),
    get tls() {
      return tls;
    },
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async authorize() {
      if (clock.monotonic() >= freshUntil) {
        const options = await credentials();
        headers = { ...(options.headers as Record<string, string> | undefined) };
        if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
        const found = tlsOf(options);
        if (!isDeepStrictEqual(found, tls) && isWhole(found)) tls = found;
        freshUntil = clock.monotonic() + credentialsForMs;
      }
      return headers;
    },
  };
}

function tlsOf({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): TlsOptions {
  return Object.fromEntries(
    Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined),
  ) as TlsOptions;
}

/** A certificate may have been written, and its key not yet: the ones before are good for a while. */
function isWhole(tls: TlsOptions): boolean {
  try {
    createSecureContext(tls);
    return true;
  } catch {
    return false;
  }
}
