import { type Guest, type GuestTask, guestTasks, type PasswordRotation } from '../api/resources.ts';
import type { Cluster } from '../kube/cluster.ts';
import { type Secret, secrets } from '../kube/core-resources.ts';
import { isAlreadyExists, isNotFound } from '../kube/errors.ts';
import type { SealedPayload } from '../sealing/payload.ts';
import type { SealingKey } from '../sealing/sealing-key.ts';
import type { Clock } from '../seams/clock.ts';
import type { Random } from '../seams/random.ts';
import type { OwnedTasks } from './owned-tasks.ts';
import { isSettingOf, type PasswordCraft } from './password/craft.ts';
import { PasswordUnhashableError } from './password/errors.ts';
import { secretVersionAnnotation, valueAnnotation } from './rotation-attempts.ts';
import type { Reseal, Step } from './rotation-course.ts';
import { newSecret, pendingPatch, promotionPatch, templatePatch } from './rotation-patches.ts';
import { type AccountSecret, type Credential, isOurs, readSecret, secretName } from './rotation-secret.ts';
import { taskFor } from './task-template.ts';
import type { WrittenSecrets } from './written-secrets.ts';

export interface RotationHandsOptions {
  cluster: Cluster;
  clock: Clock;
  random: Random;
  craft: PasswordCraft;
  seal(task: GuestTask, payload: SealedPayload, key: SealingKey): Promise<GuestTask>;
  sealingKeyOf(node: string): SealingKey | undefined;
}

/** A Secret has the name of one of ours and is somebody else's, or another account's. */
export class SecretConflictError extends Error {
  override readonly name = 'SecretConflictError';
  readonly code = 'SecretConflict';
}

/** The guest's host has no key any more, or the guest is on another one by now. */
export class NoSealingKeyError extends Error {
  override readonly name = 'NoSealingKeyError';
  readonly code = 'NoSealingKey';
}

/** What one rotation writes to. */
export interface RotationPlace {
  rotation: PasswordRotation;
  tasks: OwnedTasks;
  written: WrittenSecrets;
}

/** How long a task is waited for that its guest's agent does not take, and how long one that it took. */
const startingDeadlineMs = 60_000;
const deadlineMs = 10 * 60_000;

/**
 * Does what a plan says, one step at a time.
 *
 * INVARIANTS: a password is in the Secret before a task has it; every write to a Secret is conditional on the version
 * that was decided on. A clear text or a hash goes nowhere but into a Secret and, sealed, into a task.
 */
export class RotationHands {
  readonly #options: RotationHandsOptions;

  constructor(options: RotationHandsOptions) {
    this.#options = options;
  }

  /** Throws an ApiError, a SecretConflictError, a NoSealingKeyError, or an error of the craft or of the seal. */
  async carryOut(place: RotationPlace, step: Step, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case 'prepare': {
        const account = await this.#prepare(place, step, signal);
        if (account?.pending)
          await this.#attempt(place, step.guest, account, account.pending, 'setPassword', 0, signal);
        return;
      }
      case 'attempt':
        await this.#attempt(place, step.guest, step.account, step.credential, step.action, step.attempt, signal);
        return;
      case 'promote':
        await this.#promote(place, step, signal);
    }
  }

  async reseal({ task, credential, account }: Reseal, signal: AbortSignal): Promise<void> {
    const { metadata, spec } = await this.#sealed(task, credential);
    const { resourceVersion } = metadata;
    const annotations = { [secretVersionAnnotation]: versionOf(account) };
    const patch = { metadata: { resourceVersion, annotations }, spec: { sealed: spec.sealed } };
    await this.#options.cluster.mergePatch(guestTasks, metadata, patch, { signal });
  }

  async patch(
    place: RotationPlace,
    account: AccountSecret,
    patch: object,
    signal: AbortSignal,
  ): Promise<AccountSecret> {
    const { cluster } = this.#options;
    const stored = await cluster.mergePatch(secrets, account.object.metadata, patch, { signal });
    place.written.add(stored, account.object);
    return readSecret(stored);
  }

  async drop({ metadata }: GuestTask, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.cluster.delete(guestTasks, metadata, { uid: metadata.uid, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Undefined: the Secret was there, and is taken up again with the next look. */
  async #prepare(
    place: RotationPlace,
    { guest, account, keep }: Extract<Step, { do: 'prepare' }>,
    signal: AbortSignal,
  ): Promise<AccountSecret | undefined> {
    const { cluster } = this.#options;
    const { rotation } = place;
    const { name } = guest.metadata;
    const pending = await this.#credential(rotation, keep);
    if (account) return await this.patch(place, account, pendingPatch(rotation, name, account, pending), signal);
    try {
      const stored = await cluster.create(secrets, newSecret(rotation, name, pending), { signal });
      place.written.add(stored, undefined);
      return readSecret(stored);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
    await this.#takeUpAgain(place, guest, signal);
    return undefined;
  }

  /** One that has lost its label is not among those that are followed; one that never was ours is left alone. */
  async #takeUpAgain(place: RotationPlace, { metadata }: Guest, signal: AbortSignal): Promise<void> {
    const { rotation, written } = place;
    const ref = { namespace: rotation.metadata.namespace, name: secretName(rotation, metadata.name) };
    const found: Secret = await this.#options.cluster.get(secrets, ref, { signal });
    if (!isOurs(found, rotation))
      throw new SecretConflictError(`the Secret ${ref.name} is somebody else's, or another account's,`);
    const account = readSecret(found);
    const patch = templatePatch(rotation, metadata.name, account);
    if (patch) await this.patch(place, account, patch, signal);
    else written.add(found, undefined);
  }

  /** Under a name of its own, so that what tasks said of an earlier value says nothing of this one. */
  async #credential({ spec }: PasswordRotation, keep: Credential | undefined): Promise<Credential> {
    const { craft, random } = this.#options;
    const id = random.uuid();
    const password = keep?.password ?? craft.generate(spec.passwordPolicy);
    const kept = { ...keep, password, id };
    if (keep && isSettingOf(keep.setting, spec.hash)) return { ...kept, setting: keep.setting };
    return { ...kept, setting: spec.hash === 'None' ? undefined : await craft.setting(spec.hash) };
  }

  async #attempt(
    { rotation, tasks }: RotationPlace,
    guest: Guest,
    account: AccountSecret,
    credential: Credential,
    action: 'setPassword' | 'verifyPassword',
    attempt: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { username } = rotation.spec;
    const now = this.#options.clock.now();
    const task = taskFor(rotation, guest, {
      action:
        action === 'setPassword'
          ? { setPassword: { username, crypted: credential.setting !== undefined } }
          : { verifyPassword: { username } },
      attempt,
      purpose: credential.id,
      annotations: { [valueAnnotation]: credential.id ?? '', [secretVersionAnnotation]: versionOf(account) },
      startingDeadline: now + startingDeadlineMs,
      deadline: now + deadlineMs,
    });
    await tasks.make(await this.#sealed(task, credential), signal);
  }

  async #promote(
    place: RotationPlace,
    { guest, account, task }: Extract<Step, { do: 'promote' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const done = {
      guestUid: task.spec.guestUID ?? '',
      verified: task.status?.password?.verified ?? ('Unknown' as const),
      now: this.#options.clock.now(),
    };
    await this.patch(place, account, promotionPatch(place.rotation, guest.metadata.name, account, done), signal);
  }

  async #sealed(task: GuestTask, { password, setting, bytes }: Credential): Promise<GuestTask> {
    if (bytes !== undefined) throw new PasswordUnhashableError("the Secret's password is not UTF-8 text");
    const { craft, seal, sealingKeyOf } = this.#options;
    const key = sealingKeyOf(task.spec.nodeName ?? '');
    if (!key) throw new NoSealingKeyError(`host ${task.spec.nodeName} has no key any more`);
    const payload: SealedPayload =
      setting === undefined
        ? { kind: 'password', password }
        : { kind: 'passwordHash', passwordHash: await craft.hash(password, setting) };
    return await seal(task, payload, key);
  }
}

function versionOf({ object }: AccountSecret): string {
  return object.metadata.resourceVersion ?? '';
}
