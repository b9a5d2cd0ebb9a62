import { createHash } from 'node:crypto';
import { group, type PasswordRotation, passwordRotationLabel, rotateNowAnnotation } from '../api/resources.ts';
import type { Secret } from '../kube/core-resources.ts';

/** What the manager keeps beside the passwords, as annotations. None of it is a secret: a salt stands in its hash. */
export const annotations = {
  rotation: `${group}/password-rotation`,
  /** Whose password it is. */
  account: `${group}/account`,
  guestUid: `${group}/guest-uid`,
  passwordId: `${group}/password-id`,
  setting: `${group}/crypt-setting`,
  verified: `${group}/verified`,
  rotatedAt: `${group}/last-rotation-time`,
  pendingId: `${group}/pending-id`,
  pendingSetting: `${group}/pending-crypt-setting`,
  /** Of `rotate-now` the values that have been served. */
  servedForAll: `${group}/rotated-for`,
  servedForGuest: `${group}/rotated-for-guest`,
} as const;

/** A password with what names and hashes it. */
export interface Credential {
  password: string;
  /** By chance; tasks are named after it, and what they say holds for this value alone. Undefined: somebody removed it. */
  id: string | undefined;
  /** What its hash is made by (crypt(3)); undefined: the guest takes the clear text. */
  setting: string | undefined;
  /** As the Secret holds it, where `password` is not quite that: it is no UTF-8, and nobody could type it as it is read. */
  bytes?: string;
}

export type Verified = 'True' | 'False' | 'Unknown';

/** One guest's Secret, read. */
export interface AccountSecret {
  object: Secret;
  /** What the guest was last seen to take; undefined before the first rotation. */
  current: Credential | undefined;
  /** Written before it is set, and here until it is verified: either this or `current` opens the account (C30). */
  pending: Credential | undefined;
  /** It says that a value is pending, and somebody removed the value. */
  pendingLost: boolean;
  guestUid: string | undefined;
  /** Milliseconds since the epoch. */
  rotatedAt: number | undefined;
  verified: Verified | undefined;
  served: RotateNow;
  /** On the Secret itself: rotates this guest alone. */
  requested: string | undefined;
}

/** The values of the annotation `rotate-now`, on the PasswordRotation and on one guest's Secret. */
export interface RotateNow {
  forAll: string | undefined;
  forGuest: string | undefined;
}

const longestName = 253;

/** The name of a guest's Secret. What no name of a Secret may have becomes `-`, told apart by a digest. */
export function secretName({ metadata, spec }: PasswordRotation, guestName: string): string {
  const plain = filledIn(spec.secretTemplate.namePattern, metadata.namespace, guestName, spec.username);
  const name = plain
    .toLowerCase()
    .replace(/[^a-z0-9.-]/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
    .replace(/\.(?=[.-])|(?<=-)\./g, '-');
  if (name === plain && name.length <= longestName) return name;
  const digest = createHash('sha256').update(plain).digest('hex').slice(0, 8);
  return `${name.slice(0, longestName - 9)}-${digest}`;
}

/** Written by this rotation, or by an earlier one of the same name, for the same account, that left it behind. */
export function isOurs(secret: Secret, rotation: PasswordRotation): boolean {
  const { name, uid } = rotation.metadata;
  const account = accountOf(secret);
  if (account !== undefined && account !== rotation.spec.username) return false;
  const { ownerReferences = [] } = secret.metadata;
  const controller = ownerReferences.find((each) => each.controller);
  if (controller && controller.uid !== uid) return controller.kind === rotation.kind && controller.name === name;
  return controller !== undefined || rotationNameOf(secret) === name;
}

/** The account whose password a Secret has; undefined: it doesn't say. */
function accountOf({ metadata, data }: Secret): string | undefined {
  return metadata.annotations?.[annotations.account] ?? (decoded(data?.['username']) || undefined);
}

/** The PasswordRotation that a Secret is of, by name; undefined: of none. */
export function rotationNameOf({ metadata }: Secret): string | undefined {
  return metadata.annotations?.[annotations.rotation] ?? metadata.labels?.[passwordRotationLabel];
}

/** Whether between two looks somebody else changed the password: this manager gives a new one a new id. */
export function isPasswordEdited(before: Secret, after: Secret): boolean {
  const idOf = ({ metadata }: Secret) => metadata.annotations?.[annotations.passwordId];
  return before.data?.['password'] !== after.data?.['password'] && idOf(before) === idOf(after);
}

export function readSecret(object: Secret): AccountSecret {
  const notes = object.metadata.annotations ?? {};
  const credential = (key: string, id: string | undefined, setting: string | undefined): Credential | undefined => {
    const held = object.data?.[key] ?? '';
    const password = decoded(held);
    return password ? { password, id, setting, ...(!isText(held) && { bytes: held }) } : undefined;
  };
  const pending = credential('pending-password', notes[annotations.pendingId], notes[annotations.pendingSetting]);
  const rotatedAt = Date.parse(notes[annotations.rotatedAt] ?? '');
  return {
    object,
    current: credential('password', notes[annotations.passwordId], notes[annotations.setting]),
    pending,
    pendingLost: !pending && notes[annotations.pendingId] !== undefined,
    guestUid: notes[annotations.guestUid],
    rotatedAt: Number.isFinite(rotatedAt) ? rotatedAt : undefined,
    verified: notes[annotations.verified] as Verified | undefined,
    served: { forAll: notes[annotations.servedForAll], forGuest: notes[annotations.servedForGuest] },
    requested: notes[rotateNowAnnotation],
  };
}

/** The ids of the values that it has, current and pending. */
export function valuesOf({ metadata }: Secret): string[] {
  const { [annotations.passwordId]: current, [annotations.pendingId]: pending } = metadata.annotations ?? {};
  return [current, pending].filter((id) => id !== undefined);
}

/** Whether a person asked for a rotation that was not served yet. */
export function isRequested({ metadata }: PasswordRotation, { served, requested }: AccountSecret): boolean {
  const forAll = metadata.annotations?.[rotateNowAnnotation];
  return (
    (forAll !== undefined && forAll !== served.forAll) || (requested !== undefined && requested !== served.forGuest)
  );
}

/** A template's text with a guest's own in the place of {guest} and the like. */
export function filledIn(text: string, namespace: string | undefined, guestName: string, username: string): string {
  const values: Record<string, string> = {
    '{guest}': guestName,
    '{namespace}': namespace ?? '',
    '{username}': username,
  };
  return text.replaceAll(/\{(?:guest|namespace|username)\}/g, (placeholder) => values[placeholder] as string);
}

/** As a Secret holds it. */
export function encoded(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** A password as a Secret holds it, to the byte. */
export function stored({ password, bytes }: Credential): string {
  return bytes ?? encoded(password);
}

function isText(base64: string): boolean {
  return Buffer.from(base64, 'base64').equals(Buffer.from(decoded(base64), 'utf8'));
}

function decoded(base64: string | undefined): string {
  return Buffer.from(base64 ?? '', 'base64').toString('utf8');
}
