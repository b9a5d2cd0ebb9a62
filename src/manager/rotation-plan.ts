import type { Guest, GuestTask, PasswordRotation } from '../api/resources.ts';
import type { PasswordRotationStatus } from '../api/schema/password-rotation.ts';
import { isTaskOver } from '../api/tasks.ts';
import { nextLook } from './instants.ts';
import { scaled } from './int-or-percent.ts';
import { checkPolicy } from './password/policy.ts';
import { evidenceOf, valueAnnotation } from './rotation-attempts.ts';
import {
  type Course,
  type CourseContext,
  courseOf,
  type Reseal,
  type Step,
  secretHindered,
} from './rotation-course.ts';
import type { Problem, RotationObserved } from './rotation-observed.ts';
import { templatePatch } from './rotation-patches.ts';
import { scheduleProblem, turnsOf } from './rotation-schedule.ts';
import { type AccountSecret, valuesOf } from './rotation-secret.ts';
import { rotationStatus } from './rotation-status.ts';
import { fateOfTask, type GivenUp, givenUpAt } from './task-fate.ts';

export interface RotationPlan {
  steps: Step[];
  /** Tasks whose password is sealed to a key that their node no longer has. */
  reseal: Reseal[];
  /** Secrets that lack what the template says. */
  patch: { account: AccountSecret; patch: object }[];
  /** Tasks that no agent will end any more. */
  giveUp: GivenUp[];
  /** Tasks that nobody asks about any longer. */
  drop: GuestTask[];
  /** The Secrets whose hindrance is over: there is nothing left to be tried. */
  unhindered: string[];
  courses: Course[];
  status: PasswordRotationStatus;
  lookAgainMs?: number | undefined;
}

/** Of a guest's tasks that are over so many stay, whatever they are about: they tell of its last rotations. */
const keptTasks = 3;

const hostGone = 'nobody can tell whether the password was set';

/** What a rotation does next. */
export function planRotation(observed: RotationObserved): RotationPlan {
  const { rotation, guests, tasks, hostExists, now } = observed;
  const problem = problemOf(rotation) ?? observed.problem;
  const context: CourseContext = { ...observed, problem, turns: problem ? undefined : turnsOf(rotation) };
  const byGuest = Map.groupBy(tasks, ({ spec }) => domainOf(spec.guestName, spec.guestUID));
  const sorted = guests.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const courses = sorted.map((guest) => courseOf(guest, tasksIn(byGuest, guest), context));

  const granted = grantTurns(rotation, courses);
  const free = courses.map((course) => told(course, granted));
  const patch = free.flatMap((course) => patchOf(course, rotation));
  const { shown, unhindered } = withHindrances(free, observed.hindrances, new Set(patch.map(({ account }) => account)));
  const { status, changesAt } = rotationStatus(rotation, shown, { now, problem });
  const instants = [...courses.flatMap(({ at, next }) => [at, next]), ...tasks.map(givenUpAt), changesAt];
  return {
    steps: [...courses.map(({ step }) => step), ...granted].filter((step) => step !== undefined),
    reseal: courses.map(({ reseal }) => reseal).filter((each) => each !== undefined),
    patch,
    giveUp: tasks.map((task) => fateOfTask(task, hostExists, now, hostGone)).filter((each) => each !== undefined),
    drop: droppedOf([...byGuest.values()], observed.secrets),
    unhindered,
    courses: shown,
    status,
    lookAgainMs: nextLook(now, instants),
  };
}

function tasksIn(byGuest: ReadonlyMap<string, GuestTask[]>, { metadata, status }: Guest): GuestTask[] {
  return byGuest.get(domainOf(metadata.name, status?.domain?.uuid)) ?? [];
}

/** A Guest by its name and its domain: another domain may take the name, and another Guest may claim the domain. */
function domainOf(guestName: string, uuid: string | undefined): string {
  return `${guestName}/${uuid}`;
}

function problemOf(rotation: PasswordRotation): Problem | undefined {
  const policy = checkPolicy(rotation.spec.passwordPolicy);
  if (policy !== undefined) return { reason: 'PasswordPolicyUnusable', message: policy };
  const schedule = scheduleProblem(rotation);
  return schedule === undefined ? undefined : { reason: 'ScheduleInvalid', message: schedule };
}

/** The wishes that come true now: as many as parallelism leaves room for, rotations before looks. */
function grantTurns(rotation: PasswordRotation, courses: readonly Course[]): Set<Step> {
  const atOnce = Math.max(1, scaled(rotation.spec.parallelism, courses.length));
  const busy = courses.filter(({ standing, isLook, wish }) => standing === 'active' || (isLook && !wish)).length;
  const wishes = courses.filter(({ wish }) => wish !== undefined);
  const inTurn = [
    ...wishes.filter(({ wish }) => wish?.do === 'attempt' && wish.action === 'setPassword'),
    ...wishes.filter(({ wish }) => wish?.do === 'prepare'),
    ...wishes.filter(({ isLook }) => isLook),
  ];
  return new Set(inTurn.slice(0, Math.max(0, atOnce - busy)).map(({ wish }) => wish as Step));
}

/** What is said of a guest once it is known whether its turn has come. */
function told(course: Course, granted: ReadonlySet<Step>): Course {
  if (!course.wish || course.isLook || course.standing === 'drifted') return course;
  if (granted.has(course.wish)) return { ...course, standing: 'active' };
  return {
    ...course,
    shown: { ...course.shown, reason: 'Queued', message: 'waits for its turn: spec.parallelism' },
  };
}

/** What is tried again is shown as it stood: whether it goes through is not known yet. */
function withHindrances(
  courses: readonly Course[],
  hindrances: RotationObserved['hindrances'],
  patched: ReadonlySet<AccountSecret | undefined>,
): { shown: Course[]; unhindered: string[] } {
  const standing = new Set<string>();
  const shown = courses.map((course) => {
    const { secretName = '' } = course.shown;
    const hindrance = hindrances.get(secretName);
    const { step, wish, reseal, account } = course;
    const isTried = (step ?? wish ?? reseal) !== undefined || (account !== undefined && patched.has(account));
    if (!hindrance || (hindrance.isRetried && !isTried)) return course;
    standing.add(secretName);
    return hindrance.isRetried ? { ...course, ...secretHindered(course.shown, hindrance) } : course;
  });
  return { shown, unhindered: [...hindrances.keys()].filter((name) => !standing.has(name)) };
}

/** While something is under way the Secret stays as it is: its version is what the task's outcome holds for. */
function patchOf({ account, standing, shown }: Course, rotation: PasswordRotation): RotationPlan['patch'] {
  if (!account || account.pending || standing === 'active' || shown.reason === 'SecretConflict') return [];
  const patch = templatePatch(rotation, shown.name, account);
  return patch ? [{ account, patch }] : [];
}

/** Of each guest's tasks those that are over and neither among the newest nor evidence about one of its Secret's values. */
function droppedOf(byGuest: readonly GuestTask[][], secrets: RotationObserved['secrets']): GuestTask[] {
  const values = new Set([...secrets.values()].flatMap(valuesOf));
  return byGuest
    .filter((made) => made.length > keptTasks)
    .flatMap((made) => {
      const byValue = Map.groupBy(made, ({ metadata }) => metadata.annotations?.[valueAnnotation]);
      const evidence = [...byValue].flatMap(([id, tasks]) =>
        id !== undefined && values.has(id) ? evidenceOf(tasks) : [],
      );
      const kept = new Set(evidence);
      return made
        .toSorted((a, b) => createdAt(b) - createdAt(a))
        .slice(keptTasks)
        .filter((task) => isTaskOver(task) && !kept.has(task));
    });
}

/** Not seen by the cache yet: the newest. */
function createdAt({ metadata, spec }: GuestTask): number {
  const created = Date.parse(metadata.creationTimestamp ?? '');
  // Attempts within one second stand in their order.
  return (Number.isFinite(created) ? created : Number.MAX_SAFE_INTEGER / 2) + (spec.attempt ?? 0);
}
