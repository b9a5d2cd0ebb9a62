import type { PasswordRotation } from '../api/resources.ts';
import { isTaskOver } from '../api/tasks.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { endOf } from './rotation-attempts.ts';
import type { Course, Step } from './rotation-course.ts';

export interface RotationNewsOptions {
  events: Pick<EventRecorder, 'record'>;
  /** An attempt to rotate ended. */
  onAttemptEnded(result: 'succeeded' | 'failed', reason: string): void;
  /** Milliseconds since the epoch: what ended before was told by whoever led then. */
  since: number;
}

/** Guests that get an event of their own, of those that changed at one time. */
const eventsAtOnce = 10;

/** Tells what happens to one rotation's guests, each thing once. */
export class RotationNews {
  readonly #options: RotationNewsOptions;
  /** By guest, how it was last told to stand. */
  #told: Map<string, Course['standing']> | undefined;
  /** By guest, the attempt that was last counted. */
  readonly #counted = new Map<string, string | undefined>();

  constructor(options: RotationNewsOptions) {
    this.#options = options;
  }

  done(rotation: PasswordRotation, step: Step): void {
    if (step.do !== 'promote') return;
    const { name } = step.guest.metadata;
    const { verified = 'Unknown' } = step.task.status?.password ?? {};
    this.#options.onAttemptEnded('succeeded', 'PasswordSet');
    const note = `guest ${name} has a new password for ${rotation.spec.username} (verified: ${verified})`;
    this.#options.events.record(rotation, { type: 'Normal', reason: 'Rotated', note, action: 'Rotate' });
  }

  tell(rotation: PasswordRotation, courses: readonly Course[]): void {
    for (const course of courses) this.#countFailure(course);
    const told = this.#told ?? toldBefore(rotation);
    const changed = courses.filter(
      ({ standing, shown }) => (standing === 'parked' || standing === 'drifted') && told.get(shown.name) !== standing,
    );
    for (const { standing, shown } of changed.slice(0, eventsAtOnce)) {
      const reason = standing === 'parked' ? 'Parked' : 'Drifted';
      const note = `guest ${shown.name} (${shown.reason}): ${shown.message ?? ''}`;
      this.#options.events.record(rotation, { type: 'Warning', reason, note, action: 'Rotate' });
    }
    this.#told = new Map(courses.map(({ standing, shown }) => [shown.name, standing]));
  }

  #countFailure({ shown, failed }: Course): void {
    if (!failed || this.#counted.get(shown.name) === failed.metadata.name) return;
    this.#counted.set(shown.name, failed.metadata.name);
    if (!isTaskOver(failed) || (endOf(failed) ?? 0) < this.#options.since) return;
    this.#options.onAttemptEnded('failed', failed.status?.reason ?? 'Failed');
  }
}

/** As the process before this one left it in the status. */
function toldBefore({ status }: PasswordRotation): Map<string, Course['standing']> {
  const listed = status?.guests ?? [];
  return new Map(
    listed
      .filter(({ parked, reason }) => parked || reason === 'Drifted')
      .map(({ name, parked }) => [name, parked ? 'parked' : 'drifted']),
  );
}
