import type { Guest } from '../api/resources.ts';
import { obstacle } from './reachability.ts';
import type { Problem, RotationObserved } from './rotation-observed.ts';

/** Why nothing can be begun in a guest now; a permanent one needs a person, and it goes on by itself when that is mended. */
export interface Hindrance extends Problem {
  permanent?: boolean;
}

/** What stands in the way of an action of a rotation in a guest; undefined when nothing does. */
export function hindranceOf(
  guest: Guest,
  action: 'setPassword' | 'verifyPassword',
  {
    rotation,
    sealingKeyOf,
    libvirtProblemOf,
  }: Pick<RotationObserved, 'rotation' | 'sealingKeyOf' | 'libvirtProblemOf'>,
): Hindrance | undefined {
  const unreachable = obstacle(guest, { [action]: { username: rotation.spec.username } });
  if (unreachable) return unreachable;
  const { node = '', os } = guest.status ?? {};
  const { name } = guest.metadata;
  if (isBlocked(guest, 'guest-set-user-password')) {
    const message = `the agent of guest ${name} has guest-set-user-password switched off: allow it there, and it goes on by itself`;
    return { reason: 'CommandBlocked', message, permanent: true };
  }
  if (os?.id === 'mswindows' && rotation.spec.hash !== 'None') {
    const message = `guest ${name} is Windows, which takes no hash: rotate it with hash: None`;
    return { reason: 'HashUnsupported', message, permanent: true };
  }
  const libvirtProblem = libvirtProblemOf(node);
  if (libvirtProblem !== undefined) {
    return {
      reason: 'LibvirtNotConnected',
      message: `the agent of host ${node} can't reach libvirt: ${libvirtProblem}`,
    };
  }
  if (sealingKeyOf(node)) return undefined;
  return { reason: 'NoSealingKey', message: `host ${node} has published no key that a password could be sealed to` };
}

/** Whether the guest's agent has one of its commands switched off. */
export function isBlocked({ status }: Guest, command: string): boolean {
  return status?.agent?.blockedCommands?.includes(command) ?? false;
}
