import type { GuestExecJob } from '../../api/resources.ts';
import { isOverPhase } from '../../api/tasks.ts';
import type { Session } from '../connect/session.ts';
import { type GuestOutput, lastTasks, outputOfGuest } from '../output/job-output.ts';
import { prefixed } from '../output/prefixed.ts';
import { outputOf } from '../output/task-output.ts';
import { LiveView } from '../print/live-view.ts';
import { paintFor } from '../print/paint.ts';
import { progressLines } from './progress.ts';

const redrawMs = 1000;

/** Prints what a fleet's guests print, each guest's lines under its name as soon as it is done. */
export class FleetPrinter {
  readonly #session: Session;
  readonly #view: LiveView | undefined;
  readonly #printed = new Set<string>();
  #last: GuestExecJob | undefined;
  #stopRedraw: () => void = () => {};

  constructor(session: Session) {
    this.#session = session;
    if (process.stderr.isTTY) this.#view = new LiveView(process.stderr);
    // What is told of an interruption goes below.
    session.signal.addEventListener('abort', () => this.close(), { once: true });
  }

  /** What is new since the job was seen last. */
  async seen(job: GuestExecJob): Promise<void> {
    const { cluster, signal } = this.#session;
    for (const result of job.status?.guests ?? []) {
      if (!isOverPhase(result.phase) || this.#printed.has(result.name)) continue;
      this.#print(await outputOfGuest(cluster, job, result, signal));
    }
    this.#last = job;
    this.#redraw();
  }

  /** Again each second, for the times in it. */
  #redraw(): void {
    this.#stopRedraw();
    if (!this.#view || !this.#last) return;
    const { clock } = this.#session;
    this.#view.show(progressLines(this.#last, this.#view.screen, clock.now(), paintFor(process.stderr)));
    this.#stopRedraw = clock.after(redrawMs, () => this.#redraw());
  }

  /** What the job's status had no room for. */
  async over(job: GuestExecJob): Promise<void> {
    this.close();
    const { cluster, signal } = this.#session;
    if ((job.status?.targets ?? 0) <= this.#printed.size) return;
    for (const task of await lastTasks(cluster, job, signal)) {
      const guest = task.spec.guestName;
      if (!this.#printed.has(guest)) this.#print({ guest, ...(await outputOf(cluster, task, signal)) });
    }
  }

  close(): void {
    this.#last = undefined;
    this.#stopRedraw();
    this.#view?.clear();
  }

  #print({ guest, stdout, stderr }: GuestOutput): void {
    this.#view?.clear();
    this.#printed.add(guest);
    process.stdout.write(prefixed(guest, stdout));
    process.stderr.write(prefixed(guest, stderr));
  }
}
