import type { Guest, GuestHost, GuestTask } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import { since } from '../print/elapsed.ts';
import { actionWords } from './action-words.ts';
import { adviceFor } from './advice.ts';
import { historyOf } from './history.ts';
import type { Reasons } from './reasons.ts';

export interface StoryInput {
  task: GuestTask;
  /** Undefined where there is none, or nobody may look. */
  guest: Guest | undefined;
  host: GuestHost | undefined;
  reasons: Reasons;
  /** Milliseconds since the epoch. */
  now: number;
}

/** One thing told of a task, under a word. */
export interface Told {
  about: 'What' | 'Who' | 'Where' | 'Until' | 'History' | 'Now' | 'Means' | 'To do';
  text: string;
}

/** The story of one task: who made it, where it went, what happened, how it stands and what to do. */
export function storyOf(input: StoryInput): Told[] {
  const { task, reasons } = input;
  const advice = adviceFor(task, reasons);
  const said: (Told | undefined)[] = [
    { about: 'What', text: `${actionWords(task.spec.action)}, in guest ${task.spec.guestName}` },
    { about: 'Who', text: makerWords(task, input.now) },
    { about: 'Where', text: whereWords(input) },
    told('Until', untilWords(task)),
    ...historyOf(task).map(({ at, what }): Told => ({ about: 'History', text: `${at}  ${what}` })),
    { about: 'Now', text: nowWords(task) },
    told('Means', advice?.means ?? silentMeaning(task)),
    told('To do', advice?.todo ?? silentAdvice(input)),
  ];
  return said.filter((each) => each !== undefined);
}

function told(about: Told['about'], text: string | undefined): Told | undefined {
  return text === undefined || text === '' ? undefined : { about, text };
}

function makerWords({ metadata, spec }: GuestTask, now: number): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const maker = owner ? `${owner.kind} ${owner.name}` : 'a person, or a program of theirs';
  const attempt = spec.attempt ? `, as attempt ${spec.attempt + 1}` : '';
  return `made by ${maker}${attempt}, ${since(metadata.creationTimestamp, now) ?? 'some time'} ago`;
}

function whereWords({ task, host }: StoryInput): string {
  const { nodeName, guestUID } = task.spec;
  if (nodeName === undefined) return 'bound to no host yet: the manager does that';
  const ready = findCondition(host?.status?.conditions, 'Ready');
  const state = !ready ? '' : ready.status === 'True' ? ', which is ready' : `, which is not ready: ${ready.message}`;
  return `bound to host ${nodeName}${state}${guestUID === undefined ? '' : `; domain ${guestUID}`}`;
}

function untilWords({ spec }: GuestTask): string | undefined {
  const { startingDeadline, deadline, release } = spec;
  const words = [
    startingDeadline && `given up when the guest can't be reached by ${startingDeadline}`,
    deadline && `not waited for after ${deadline}`,
    release && 'its maker has let it go (spec.release)',
  ];
  return words.filter(Boolean).join('; ') || undefined;
}

function nowWords({ status }: GuestTask): string {
  const { phase, reason, message } = status ?? {};
  if (phase === undefined) return 'Pending: no agent has taken it';
  const why = reason === undefined || reason === phase ? '' : ` (${reason})`;
  return `${phase}${why}${message ? `: ${message}` : ''}`;
}

function silentMeaning({ spec, status }: GuestTask): string | undefined {
  if (status?.phase === 'Succeeded') return 'it did what it was to do';
  if (status?.phase === 'Running' || status?.phase === 'Claimed') return 'the agent is at it';
  if (status?.phase === 'Held') return 'the guest is frozen, and is thawed when it is released or its time is up';
  if (status?.phase === undefined && spec.nodeName === undefined) return 'no manager has seen it yet';
  if (status?.phase === undefined) return 'the agent of that host has not seen it yet, or can not say so';
  return undefined;
}

function silentAdvice({ task, guest }: StoryInput): string | undefined {
  if (task.status?.phase !== undefined) return undefined;
  if (!guest) return `is there a guest ${task.spec.guestName} in this namespace? kubectl qga get`;
  return 'kubectl qga doctor says whether a manager and the agent of the host are there';
}
