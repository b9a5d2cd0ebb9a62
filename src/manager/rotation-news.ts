import type { PasswordRotation } from '../api/resources.ts';
import { isTaskOver } from '../api/tasks.ts';
import type { EventRecorder } from '../kube/event-recorder.ts';
import { endOf } from './rotation-attempts.ts';
import type { Course, Step } from './rotation-course.ts';
import type { Problem } from './rotation-observed.ts';

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
  /** By guest, what was last told of it. */
  #told: Map<string, Set<Sight>> | undefined;
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
    const news = courses.flatMap((course) =>
      sightsOf(course)
        .filter(({ sight }) => !told.get(course.shown.name)?.has(sight))
        .map((each) => ({ ...each, name: course.shown.name })),
    );
    for (const { sight, name, words } of news.slice(0, eventsAtOnce)) {
      const note = `guest ${name} (${words.reason}): ${words.message}`;
      this.#options.events.record(rotation, { type: 'Warning', reason: sight, note, action: 'Rotate' });
    }
    this.#told = new Map(
      courses.map((course) => [course.shown.name, new Set(sightsOf(course).map(({ sight }) => sight))]),
    );
  }

  #countFailure({ shown, failed }: Course): void {
    if (!failed || this.#counted.get(shown.name) === failed.metadata.name) return;
    this.#counted.set(shown.name, failed.metadata.name);
    if (!isTaskOver(failed) || (endOf(failed) ?? 0) < this.#options.since) return;
    this.#options.onAttemptEnded('failed', failed.status?.reason ?? 'Failed');
  }
}

/** What an event is told of when it comes, whatever else is to be said of the guest. */
type Sight = 'Parked' | 'Drifted';

function sightsOf({ standing, shown, drift }: Course): { sight: Sight; words: Problem }[] {
  const { reason = '', message = '' } = shown;
  return [
    ...(standing === 'parked' ? [{ sight: 'Parked' as const, words: { reason, message } }] : []),
    ...(drift === undefined ? [] : [{ sight: 'Drifted' as const, words: { reason: 'Drifted', message: drift } }]),
  ];
}

/** As the process before this one left it in the status. */
function toldBefore({ status }: PasswordRotation): Map<string, Set<Sight>> {
  return new Map(
    (status?.guests ?? []).map(({ name, parked, verified }) => [
      name,
      new Set<Sight>([...(parked ? ['Parked' as const] : []), ...(verified === 'False' ? ['Drifted' as const] : [])]),
    ]),
  );
}
