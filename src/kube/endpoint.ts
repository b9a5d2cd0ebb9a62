import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../seams/clock.ts';

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
  /** As `https://10.0.0.1:6443`. */
  server: string;
  tls: TlsOptions;
  /** What a person's commands are about when they name no namespace. */
  namespace: string;
  /** The headers that authenticate a request; a token that rotates on disk is followed. */
  authorize(): Promise<Record<string, string>>;
}

/** A kubeconfig that can't be used, in a sentence. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
  readonly code = 'BadKubeconfig';
}

const credentialsForMs = 30_000;

/**
 * Reads a kubeconfig; without a path `$KUBECONFIG`, `~/.kube/config` or the pod's service account, in this order.
 * Client certificates, tokens, token files and exec plugins are @kubernetes/client-node's business.
 */
export async function loadEndpoint(path: string | undefined, clock: Clock): Promise<Endpoint> {
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new KubeconfigError(`the kubeconfig ${path ?? '(default)'} can't be read: ${problem}`, { cause: error });
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new KubeconfigError(`the kubeconfig ${path ?? '(default)'} has no current cluster`);

  const credentials = async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return options;
  };
  const { ca, cert, key, servername, rejectUnauthorized } = await credentials();
  const tls = Object.fromEntries(
    Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(([, value]) => value !== undefined),
  ) as TlsOptions;

  let headers: Record<string, string> = {};
  let freshUntil = Number.NEGATIVE_INFINITY;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    tls,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async authorize() {
      if (clock.monotonic() >= freshUntil) {
        const options = await credentials();
        headers = { ...(options.headers as Record<string, string> | undefined) };
        if (options.auth) headers['Authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
        freshUntil = clock.monotonic() + credentialsForMs;
      }
      return headers;
    },
  };
}
