import { needsSealed } from '../api/action-inputs.ts';
import { forbiddenIn } from '../api/allowed-actions.ts';
import type { Guest, GuestTask } from '../api/resources.ts';
import { isRunning } from '../guest/hypervisor.ts';
import { allCommands } from '../qga/commands.ts';
import type { Action } from './actions/action.ts';
import type { GuestFacts } from './guest-facts.ts';
import type { LiveGuest } from './live-guest.ts';
import type { GuestView } from './task-decision.ts';

export interface TaskSetting {
  task: GuestTask;
  action: Action;
  /** The Guest of the task's namespace and name. */
  object: Guest | undefined;
  live: LiveGuest;
  libvirtConnected: boolean;
  /** The id of the key that this node opens secrets with, where it has one. */
  sealingKeyId: string | undefined;
}

/**
 * Why a task can't be started in its guest now; undefined when it can. A task reaches only the domain that its Guest
 * stands for, whatever UUID its maker wrote into it.
 */
export function obstacleOf(setting: TaskSetting): GuestView['obstacle'] {
  const { object, live } = setting;
  const name = setting.task.spec.guestName;
  const elsewhere = objectObstacle(setting);
  if (elsewhere) return elsewhere;
  const forbidden = object && forbiddenIn(object, setting.task.spec.action);
  if (forbidden) return { reason: 'ActionNotAllowed', message: forbidden, permanent: true };
  if (object?.spec?.suspend) {
    return { reason: 'GuestSuspended', message: `guest ${name} is suspended: set spec.suspend to false to go on` };
  }
  const sealing = sealingObstacle(setting);
  if (sealing) return sealing;
  const busy = busyObstacle(setting);
  if (busy) return busy;
  const missing = domainObstacle(setting);
  if (missing) return missing;
  const { domain, health } = live;
  if (!domain) return undefined;
  if (domain.agentChannel === 'absent') {
    const message = `domain ${domain.name} has no guest agent channel: add one to its XML and start it anew`;
    return { reason: 'NoAgentChannel', message, permanent: true };
  }
  if (!isRunning(domain)) return { reason: 'GuestNotRunning', message: `guest ${name} is ${domain.state}: start it` };
  switch (health.state) {
    case 'unknown':
      return {
        reason: 'AgentNotConnected',
        message: `nothing in guest ${name} holds the agent channel: install and start qemu-guest-agent there`,
      };
    case 'frozen':
      if (setting.action.evenFrozen?.(setting.task)) return undefined;
      return {
        reason: 'GuestFrozen',
        message: `the filesystems of guest ${name} are frozen: it is waited for their thaw`,
      };
    case 'silent':
      return { reason: 'AgentUnresponsive', message: `the agent of guest ${name} does not answer: ${health.message}` };
    case 'broken':
      return {
        reason: 'ChannelBroken',
        message: `the agent channel of guest ${name} is broken: ${health.message}; it is mended where channelRepair allows`,
      };
    case 'answers': {
      const unusable = unusableCommand(name, setting.action.commands(setting.task), health.facts.agent ?? {});
      return unusable && { ...unusable, permanent: true };
    }
  }
}

/** Why a task that another host began can't be looked for here now; undefined when it can. `now`: as a wall clock has it. */
export function takeOverObstacle(setting: TaskSetting, now: number): GuestView['obstacle'] {
  return objectObstacle(setting) ?? sealedObstacle(setting, now) ?? domainObstacle(setting);
}

/**
 * Why a task that may have been begun can't be gone on with before it is sealed anew; undefined when it can, and where it
 * is only to be ended: then nothing is started any more, and it takes no secrets. `now`: as a wall clock has it.
 */
export function sealedObstacle(setting: TaskSetting, now: number): GuestView['sealed'] {
  const { deadline, release, action } = setting.task.spec;
  // Of a freeze that is all that is left to do.
  const unwanted = action.freeze || release || (deadline !== undefined && now >= Date.parse(deadline));
  return unwanted ? undefined : sealingObstacle(setting);
}

function objectObstacle({ object, task: { spec } }: TaskSetting): GuestView['obstacle'] {
  const name = spec.guestName;
  if (!object) return { reason: 'GuestNotFound', message: `this host runs no guest ${name} of the task's namespace` };
  if (object.status?.domain?.uuid === spec.guestUID) return undefined;
  return { reason: 'GuestReplaced', message: `guest ${name} is not the domain ${spec.guestUID}`, permanent: true };
}

function domainObstacle({ task, live, libvirtConnected }: TaskSetting): GuestView['obstacle'] {
  if (!libvirtConnected) {
    return { reason: 'LibvirtNotConnected', message: 'this host’s agent has no connection to libvirt' };
  }
  if (live.domain) return undefined;
  return { reason: 'GuestGone', message: `this host has no domain for guest ${task.spec.guestName}` };
}

function busyObstacle({ task, live }: TaskSetting): GuestView['obstacle'] {
  const other = live.occupiedBut(task.metadata.uid ?? '');
  if (!other) return undefined;
  const { guestName } = task.spec;
  return other.frozen
    ? {
        reason: 'GuestFrozen',
        message: `guest ${guestName} is frozen by task ${other.task}: it is waited for its thaw`,
      }
    : {
        reason: 'GuestBusy',
        message: `task ${other.task} has guest ${guestName} for itself: it is waited for its end`,
      };
}

function sealingObstacle({ task, sealingKeyId }: TaskSetting): GuestView['sealed'] {
  const { sealed, action } = task.spec;
  if (sealed && sealed.keyId !== sealingKeyId) {
    const message = `what the task takes from Secrets is sealed to another key than this node's: it is sealed anew`;
    return { reason: 'SealedToAnotherKey', message };
  }
  if (sealed || !needsSealed(action)) return undefined;
  return { reason: 'NotSealedYet', message: 'the manager has not sealed yet what the task takes from Secrets' };
}

/** The first of the commands that the guest's agent has switched off, or doesn't know, and what to do about it. */
export function unusableCommand(
  guest: string,
  commands: readonly string[],
  { allowedCommands = [], blockedCommands = [] }: NonNullable<GuestFacts['agent']>,
): { reason: 'CommandBlocked' | 'CommandUnsupported'; message: string } | undefined {
  const command = commands.find((each) => !allowedCommands.includes(each));
  if (command === undefined) return undefined;
  return blockedCommands.includes(command)
    ? { reason: 'CommandBlocked', message: blockedMessage(guest, command) }
    : { reason: 'CommandUnsupported', message: notOfferedMessage(guest, command) };
}

function notOfferedMessage(guest: string, command: string): string {
  const { since } = allCommands.get(command) ?? {};
  return `the agent of guest ${guest} knows no ${command}${since ? `, which QEMU ${since} brought` : ''}: it is older, or built without it`;
}

/** What to do about a command that a guest's agent has switched off. */
function blockedMessage(guest: string, command: string): string {
  return `the agent of guest ${guest} has ${command} switched off: allow it there (qemu-ga's allow-rpcs or block-rpcs, BLOCK_RPCS in /etc/sysconfig/qemu-ga) and restart it`;
}
