import type { GuestExecJob } from '../../api/resources.ts';
import type { Session } from '../connect/session.ts';
import { outputOfGuest } from '../output/job-output.ts';
import { LiveView } from '../print/live-view.ts';
import { paintFor } from '../print/paint.ts';
import { harmless } from '../print/table.ts';
import { problemOf } from './exit-code.ts';
import { guestProgressLines } from './guest-progress.ts';

/** Prints what one guest prints, byte for byte, and until then on a terminal what it waits for or how it fares. */
export class GuestPrinter {
  readonly #session: Session;
  readonly #view: LiveView | undefined;

  constructor(session: Session) {
    this.#session = session;
    if (process.stderr.isTTY) this.#view = new LiveView(process.stderr);
    // What is told of an interruption goes below.
    session.signal.addEventListener('abort', () => this.#view?.clear(), { once: true });
  }

  async seen(job: GuestExecJob): Promise<void> {
    const [result] = job.status?.guests ?? [];
    if (!result) return;
    if (job.status?.completionTime === undefined) {
      this.#view?.show(guestProgressLines(result, this.#view.screen, paintFor(process.stderr)));
      return;
    }
    this.#view?.clear();
    const { cluster, signal, tell } = this.#session;
    const { stdout, stderr, truncated } = await outputOfGuest(cluster, job, result, signal);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    if (truncated) tell('kubectl qga: not all of the output was kept; --store ConfigMap or Secret keeps up to 16 MiB');
    const problem = problemOf(result);
    if (problem !== undefined) tell(`kubectl qga: ${harmless(problem)}`);
  }

  close(): void {
    this.#view?.clear();
  }
}
