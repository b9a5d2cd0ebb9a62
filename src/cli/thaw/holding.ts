import {
  type FsFreezeWindow,
  fsFreezeWindows,
  type Guest,
  type GuestTask,
  guests,
  guestTasks,
} from '../../api/resources.ts';
import { findCondition, isTrue } from '../../kube/conditions.ts';
import type { KubeObject, Resource } from '../../kube/objects.ts';
import { follow, untilHolds } from '../connect/follow.ts';
import type { Session } from '../connect/session.ts';
import { isOver, verdictLines } from '../freeze/outcome.ts';
import { type Release, releaseTask, releaseWindow } from '../freeze/release.ts';
import type { TaskSession } from '../tasks/run-task.ts';
import { isOwedThaw, mayHold, owesThaw } from './plan.ts';

export type LetGoSession = TaskSession & Pick<Session, 'paint' | 'print'>;

/** What holds guests, and how it is let go and waited for. */
export interface Holding {
  name: string;
  release(): Promise<Release>;
  /** Resolves when it holds nothing any more, and owes no thaw; says what came of it. */
  ended(): Promise<void>;
  /** What is owed, and by whom, as it was last seen; undefined where nothing is said to be. */
  owing(): string | undefined;
}

/** A window is let go with all of its guests. */
export function windowHolding(session: LetGoSession, window: FsFreezeWindow, patience: AbortSignal): Holding {
  const { cluster, print, paint } = session;
  const { metadata } = window;
  const name = `window ${metadata.name}`;
  // It is over though a host is silent.
  const isThawed = (each: FsFreezeWindow) => isOver(each) && !isTrue(each.status?.conditions, 'ThawOwed');
  const { last, until } = seen(session, fsFreezeWindows, window, patience);
  return {
    name,
    release: () => releaseWindow(cluster, metadata, session, patience),
    async ended() {
      const story = {
        window: await until(isThawed),
        releasedByUs: true,
        command: undefined,
        hasCommand: false,
        interruptedBy: undefined,
      };
      print(`${name}:`, ...verdictLines(story, paint));
    },
    owing() {
      const { status, message } = findCondition(last().status?.conditions, 'ThawOwed') ?? {};
      return status === 'True' ? message : undefined;
    },
  };
}

/** Of a task that no window lets go. */
export function taskHolding(session: LetGoSession, task: GuestTask, patience: AbortSignal): Holding {
  const { cluster, clock, print } = session;
  const { metadata, spec } = task;
  const name = `task ${metadata.name} of guest ${spec.guestName}`;
  const { last, until } = seen(session, guestTasks, task, patience);
  return {
    name,
    // Its window has told it already: nobody needs the right to do that again.
    release: async () => (spec.release ? { state: 'released' } : await releaseTask(cluster, metadata, clock, patience)),
    async ended() {
      const { status } = (await until((each) => !mayHold(each))) ?? {};
      print(`${name}: ${status?.freeze?.verdict ?? status?.phase ?? 'deleted'}`);
    },
    owing() {
      const host = hostOf(last().spec.nodeName);
      if (owesThaw(last())) return `${host} owes the thaw, and tries it until the guest can be reached`;
      return last().spec.release ? `${host} was told to let go, and has not said that the guest is thawed` : undefined;
    },
  };
}

/** Of a guest whose task is gone: its host lets go by itself. */
export function guestHolding(session: LetGoSession, guest: Guest, patience: AbortSignal): Holding {
  const { print } = session;
  const name = `guest ${guest.metadata.name}`;
  const { last, until } = seen(session, guests, guest, patience);
  return {
    name,
    release: async () => ({ state: 'released' }),
    async ended() {
      print(`${name}: ${(await until((each) => !isOwedThaw(each))) ? 'thawed' : 'deleted'}`);
    },
    owing() {
      const { node, conditions } = last().status ?? {};
      const why = findCondition(conditions, 'Frozen')?.message;
      return `${hostOf(node)} owes the thaw${why ? `: ${why}` : ''}`;
    },
  };
}

/** An object that is waited for, and as what it was last seen. */
function seen<T extends KubeObject>(
  { cluster, clock }: LetGoSession,
  resource: Resource<T>,
  object: T,
  patience: AbortSignal,
) {
  let last = object;
  return {
    last: () => last,
    /** Resolves with undefined when it is gone. */
    until: (test: (each: T) => boolean) =>
      untilHolds(follow(cluster, resource, object.metadata, clock, patience), test, (each) => {
        last = each;
      }),
  };
}

function hostOf(node: string | undefined): string {
  return node === undefined ? 'its host' : `host ${node}`;
}
