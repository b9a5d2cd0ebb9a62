import { loadEndpoint } from '../../kube/endpoint.ts';
import { HttpCluster } from '../../kube/http-cluster.ts';
import { type Clock, systemClock } from '../../seams/clock.ts';
import { type Random, systemRandom } from '../../seams/random.ts';
import { exitCodeOfSignal } from '../exit-codes.ts';
import { type Paint, paintFor } from '../print/paint.ts';
import { Interrupted, interruption } from './interruption.ts';

export interface ConnectionOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/** What a verb works with. */
export interface Session {
  cluster: HttpCluster;
  /** The API server's address. */
  server: string;
  /** The one asked for, or the kubeconfig's. */
  namespace: string;
  clock: Clock;
  random: Random;
  /** Aborts with an Interrupted. */
  signal: AbortSignal;
  /** For standard output. */
  paint: Paint;
  /** Writes lines to standard output. */
  print(...lines: string[]): void;
  /** Writes lines to standard error: what is not the answer itself. */
  tell(...lines: string[]): void;
}

/** Connects to the API server, and lets `work` decide with which code the process ends. */
export async function withSession(
  options: ConnectionOptions,
  work: (session: Session) => Promise<number>,
): Promise<void> {
  const signal = interruption((reason) => process.exit(exitCodeOfSignal(reason.signal)));
  const endpoint = await loadEndpoint(options.kubeconfig, systemClock, options.context);
  const cluster = new HttpCluster({ endpoint, random: systemRandom.next });
  try {
    process.exitCode = await work({
      cluster,
      server: endpoint.server,
      namespace: options.namespace ?? endpoint.namespace,
      clock: systemClock,
      random: systemRandom,
      signal,
      paint: paintFor(process.stdout),
      print: (...lines) => write(process.stdout, lines),
      tell: (...lines) => write(process.stderr, lines),
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.exitCode = exitCodeOfSignal(error.signal);
  } finally {
    await cluster.close();
  }
}

function write(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(lines.map((line) => `${line}\n`).join(''));
}
