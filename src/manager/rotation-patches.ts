import { type PasswordRotation, passwordRotationLabel, rotateNowAnnotation } from '../api/resources.ts';
import type { Secret } from '../kube/core-resources.ts';
import { timestamp } from '../seams/clock.ts';
import {
  type AccountSecret,
  annotations,
  type Credential,
  encoded,
  filledIn,
  secretName,
  stored,
  type Verified,
} from './rotation-secret.ts';
import { labelValue } from './task-template.ts';

/** The first Secret of a guest: nothing but a pending password in it. */
export function newSecret(rotation: PasswordRotation, guestName: string, pending: Credential): Secret {
  const { labels, notes, data, ownerReferences } = wanted(rotation, guestName);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretName(rotation, guestName),
      namespace: rotation.metadata.namespace as string,
      labels,
      annotations: { ...notes, ...firstNotes(rotation, pending) },
      ...(ownerReferences.length > 0 && { ownerReferences }),
    },
    type: rotation.spec.secretTemplate.type,
    data: { ...data, 'pending-password': stored(pending) },
  };
}

/**
 * A pending password beside whatever the Secret has. An earlier pending one that is another joins the history: it may be
 * the one that the guest has.
 */
export function pendingPatch(
  rotation: PasswordRotation,
  guestName: string,
  account: AccountSecret,
  pending: Credential,
): object {
  const given = account.pending && stored(account.pending);
  // However many: until one is promoted, nobody knows which of them the guest has.
  const history =
    given !== undefined && given !== stored(pending) ? historyWith(account, given, Number.POSITIVE_INFINITY) : {};
  return patch(rotation, guestName, account, {
    annotations: pendingNotes(rotation, account, pending),
    data: { ...history, 'pending-password': stored(pending) },
  });
}

/** The pending password as the current one, the current one as the previous one, none pending: all in one write. */
export function promotionPatch(
  rotation: PasswordRotation,
  guestName: string,
  account: AccountSecret,
  done: { guestUid: string; verified: Verified; now: number },
): object {
  const { pending, current } = account;
  if (!pending) throw new TypeError('nothing is pending');
  const replaced = current && stored(current) !== stored(pending) ? stored(current) : undefined;
  return patch(rotation, guestName, account, {
    annotations: {
      [annotations.passwordId]: pending.id ?? null,
      [annotations.setting]: pending.setting ?? null,
      [annotations.guestUid]: done.guestUid,
      [annotations.verified]: done.verified,
      [annotations.rotatedAt]: timestamp(done.now),
      [annotations.pendingId]: null,
      [annotations.pendingSetting]: null,
    },
    data: {
      ...historyWith(account, replaced, rotation.spec.historyLimit),
      password: stored(pending),
      'pending-password': null,
    },
  });
}

/** What the template wants and the Secret has not; undefined where it has all. */
export function templatePatch(
  rotation: PasswordRotation,
  guestName: string,
  account: AccountSecret,
): object | undefined {
  const { metadata, data = {} } = account.object;
  const template = wanted(rotation, guestName);
  const lacks = (have: Record<string, string> | undefined, want: Record<string, string>) =>
    Object.entries(want).some(([key, value]) => have?.[key] !== value);
  const owners = metadata.ownerReferences ?? [];
  const complete =
    !lacks(metadata.labels, template.labels) &&
    !lacks(metadata.annotations, template.notes) &&
    !lacks(data, template.data) &&
    owners.some(({ uid }) => uid === rotation.metadata.uid) === template.ownerReferences.length > 0;
  return complete ? undefined : patch(rotation, guestName, account, { annotations: {}, data: {} });
}

/** Conditional on what was read. Leaves alone what others put there. */
function patch(
  rotation: PasswordRotation,
  guestName: string,
  { object }: AccountSecret,
  change: { annotations: Record<string, string | null>; data: Record<string, string | null> },
): object {
  const { labels, notes, data, ownerReferences } = wanted(rotation, guestName);
  const { name, uid } = rotation.metadata;
  const others = (object.metadata.ownerReferences ?? []).filter(
    (each) => each.uid !== uid && !(each.kind === rotation.kind && each.name === name),
  );
  return {
    metadata: {
      resourceVersion: object.metadata.resourceVersion,
      labels,
      annotations: { ...notes, ...change.annotations },
      ownerReferences: [...others, ...ownerReferences],
    },
    data: { ...data, ...change.data },
  };
}

/** What is the same in every write: what the template says, and whose Secret it is. */
function wanted({ apiVersion, kind, metadata, spec }: PasswordRotation, guestName: string) {
  const { labels = {}, annotations: notes = {}, data = {} } = spec.secretTemplate;
  const { name, namespace, uid = '' } = metadata;
  const fill = (text: string) => encoded(filledIn(text, namespace, guestName, spec.username));
  const controller = { apiVersion: apiVersion as string, kind: kind as string, name, uid, controller: true };
  return {
    labels: { ...labels, [passwordRotationLabel]: labelValue(name) },
    notes: { ...notes, [annotations.rotation]: name, [annotations.account]: spec.username },
    data: {
      ...Object.fromEntries(Object.entries(data).map(([key, value]) => [key, fill(value)])),
      username: encoded(spec.username),
    },
    // The API server's garbage collector deletes the Secret with its owner.
    ownerReferences: spec.deletionPolicy === 'Delete' ? [controller] : [],
  };
}

function pendingNotes(
  { metadata }: PasswordRotation,
  { requested }: AccountSecret,
  { id, setting }: Credential,
): Record<string, string | null> {
  return {
    [annotations.pendingId]: id ?? null,
    [annotations.pendingSetting]: setting ?? null,
    [annotations.servedForAll]: metadata.annotations?.[rotateNowAnnotation] ?? null,
    [annotations.servedForGuest]: requested ?? null,
  };
}

/** A new object takes no nulls. */
function firstNotes({ metadata }: PasswordRotation, { id, setting }: Credential): Record<string, string> {
  const served = metadata.annotations?.[rotateNowAnnotation];
  return {
    ...(id !== undefined && { [annotations.pendingId]: id }),
    ...(setting !== undefined && { [annotations.pendingSetting]: setting }),
    ...(served !== undefined && { [annotations.servedForAll]: served }),
  };
}

/** The history as the Secret holds it, with one more at its head if there is one, and what is too old dropped. */
function historyWith(
  { object }: AccountSecret,
  head: string | undefined,
  limit: number,
): Record<string, string | null> {
  const data = object.data ?? {};
  const old = Object.keys(data)
    .filter((key) => /^previous-password(-\d+)?$/.test(key))
    .toSorted((a, b) => ageOf(a) - ageOf(b));
  const added = head === undefined ? [] : [head];
  const values = [...added, ...old.map((key) => data[key] as string)].slice(0, limit);
  return {
    ...Object.fromEntries(old.map((key) => [key, null])),
    ...Object.fromEntries(values.map((value, index) => [historyKey(index + 1), value])),
  };
}

function historyKey(age: number): string {
  return age === 1 ? 'previous-password' : `previous-password-${age}`;
}

function ageOf(key: string): number {
  return Number(/\d+$/.exec(key)?.[0] ?? 1);
}
