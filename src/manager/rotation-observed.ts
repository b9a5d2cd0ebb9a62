import type { Guest, GuestTask, PasswordRotation } from '../api/resources.ts';
import type { Secret } from '../kube/core-resources.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';

/** A word and a sentence. */
export interface Problem {
  reason: string;
  message: string;
}

/** Why a Secret, or a task with its password, could not be written. */
export interface SecretHindrance extends Problem {
  /** It is tried again: it stands until that goes through, or there is nothing more to be tried. */
  isRetried: boolean;
}

/** All that decides what a rotation does next. */
export interface RotationObserved {
  rotation: PasswordRotation;
  /** The guests that the rotation's target names now. */
  guests: readonly Guest[];
  /** The tasks made for the rotation. */
  tasks: readonly GuestTask[];
  /** The Secrets that carry the rotation's label, by name. */
  secrets: ReadonlyMap<string, Secret>;
  /** By a Secret's name. */
  hindrances: ReadonlyMap<string, SecretHindrance>;
  /** The names of Secrets whose password somebody else has changed. */
  edited: ReadonlySet<string>;
  /** Why no password can be made or hashed. */
  problem: Problem | undefined;
  /** What is sealed to for a node. */
  sealingKeyOf(node: string): SealingKey | undefined;
  /** Why a node's agent can't reach libvirt; undefined where it can, or nobody knows. */
  libvirtProblemOf(node: string): string | undefined;
  hostExists(node: string): boolean;
  /** Milliseconds since the epoch. */
  now: number;
}
