import { describe, expect, it } from 'vitest';
import { type ActionRun, DeadlineReached } from '../../../../src/agent/actions/action.ts';
import { setPasswordAction } from '../../../../src/agent/actions/set-password-action.ts';
import { verifyPasswordAction } from '../../../../src/agent/actions/verify-password-action.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { SealedPayload } from '../../../../src/sealing/payload.ts';
import { type Clock, systemClock } from '../../../../src/seams/clock.ts';
import { AccountGuest } from '../../support/account-guest.ts';

const hash = '$6$canarysalt$canaryhash';
const fastClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 100, signal) };

function aRun(guest: AccountGuest, more: Partial<ActionRun> = {}): ActionRun {
  const secret: SealedPayload = { kind: 'passwordHash', passwordHash: hash };
  return {
    task: {
      metadata: { name: 'task', namespace: 'team-a', uid: 'uid' },
      spec: {
        guestName: 'web-1',
        action: { setPassword: { username: 'app', crypted: true }, verifyPassword: { username: 'app' } },
      },
    },
    guest: new LiveGuest(new GuestAgent(guest.hypervisor, 'uuid')),
    secret,
    stopped: new AbortController().signal,
    withdrawn: new AbortController().signal,
    clock: fastClock,
    ...more,
  } as unknown as ActionRun;
}

async function set(guest: AccountGuest, more: Partial<ActionRun> = {}) {
  const ending = await setPasswordAction.run(aRun(guest, more));
  expect(JSON.stringify(ending) ?? '').not.toContain('canary');
  return ending;
}

describe('setting a password', () => {
  it('sets the hash and sees that the account has it', async () => {
    const guest = new AccountGuest();

    const ending = await set(guest);

    expect(guest.field).toBe(hash);
    expect(ending).toMatchObject({
      phase: 'Succeeded',
      reason: 'PasswordSet',
      password: { verified: 'True', account: 'Active' },
    });
  });

  it('takes the agent’s word where nobody may look', async () => {
    const guest = new AccountGuest();
    guest.blocked = ['guest-exec'];

    expect(await set(guest)).toMatchObject({ phase: 'Succeeded', password: { verified: 'Unknown' } });
    expect(guest.sets).toBe(1);
  });

  it('can not tell whether clear text was taken, and says so', async () => {
    const ending = await set(new AccountGuest(), {
      secret: { kind: 'password', password: 'canary-clear' },
      task: {
        metadata: { name: 'task' },
        spec: { guestName: 'web-1', action: { setPassword: { username: 'app', crypted: false } } },
      },
    });

    expect(ending).toMatchObject({ phase: 'Succeeded', password: { verified: 'Unknown', account: 'Active' } });
  });

  it.each([
    ['UnknownUser', 'Missing', (guest: AccountGuest) => (guest.exists = false)],
    ['AccountLocked', 'Locked', (guest: AccountGuest) => (guest.field = '!$6$old$hash')],
    ['AccountExpired', 'Expired', (guest: AccountGuest) => (guest.expires = '1')],
    ['ReadOnlyFilesystem', 'Active', (guest: AccountGuest) => (guest.mount = 'ro')],
  ])('sends nothing to an account that shows %s', async (reason, account, change) => {
    const guest = new AccountGuest();
    change(guest);

    expect(await set(guest)).toMatchObject({ phase: 'Failed', reason, password: { account } });
    expect(guest.sets).toBe(0);
  });

  it('finds by a look that it was set though the answer was lost', async () => {
    const guest = new AccountGuest();
    guest.faults = ['answerLost'];

    expect(await set(guest)).toMatchObject({ phase: 'Succeeded', password: { verified: 'True' } });
    expect(guest.sets).toBe(1);
  });

  it.each(['lost', 'notSent'] as const)('leaves a call that was %s to another try', async (fault) => {
    const guest = new AccountGuest();
    guest.faults = [fault];

    expect(await set(guest)).toBeUndefined();
    expect(await set(guest)).toMatchObject({ phase: 'Succeeded' });
  });

  it('sets it again where the answer was lost and nobody may look', async () => {
    const guest = new AccountGuest();
    guest.blocked = ['guest-exec'];
    guest.faults = ['answerLost'];

    expect(await set(guest)).toBeUndefined();
    expect(await set(guest)).toMatchObject({ phase: 'Succeeded', password: { verified: 'Unknown' } });
    expect(guest.sets).toBe(2);
  });

  it('does not believe an agent whose guest shows another password', async () => {
    const guest = new AccountGuest();
    guest.lies = true;

    expect(await set(guest)).toMatchObject({ phase: 'Failed', reason: 'NotVerified', password: { verified: 'False' } });
  });

  it('waits for the thaw of a guest that was frozen meanwhile', async () => {
    const guest = new AccountGuest();
    guest.frozen = true;

    expect(await set(guest)).toBeUndefined();
  });

  it('says what is switched off in the guest', async () => {
    const guest = new AccountGuest();
    guest.blocked = ['guest-set-user-password'];

    expect(await set(guest)).toMatchObject({ phase: 'Failed', reason: 'CommandBlocked' });
  });

  it('tells what an old agent does not know from what is switched off', async () => {
    const guest = new AccountGuest();
    guest.unknown = ['guest-set-user-password'];

    expect(await set(guest)).toMatchObject({ phase: 'Failed', reason: 'CommandUnsupported' });
  });

  it('repeats why the guest refused it, less the secret', async () => {
    const guest = new AccountGuest();
    guest.refusal = `child failed: chpasswd: app:${hash}: BAD PASSWORD`;

    const ending = await set(guest);

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'PasswordRefused', password: { verified: 'False' } });
    expect(ending?.message).toContain('BAD PASSWORD');
  });

  it('does not mind a refusal where the account has the password all the same', async () => {
    const guest = new AccountGuest();
    guest.field = hash;
    guest.refusal = 'child failed: cannot flush a cache';

    expect(await set(guest)).toMatchObject({ phase: 'Succeeded', password: { verified: 'True' } });
  });

  it('does not know what became of it by the deadline', async () => {
    const withdrawn = AbortSignal.abort(new DeadlineReached());

    expect(await set(new AccountGuest(), { withdrawn })).toMatchObject({
      phase: 'Unknown',
      reason: 'DeadlineExceeded',
    });
  });

  it('sends nothing when something else was sealed than it asks for', async () => {
    const guest = new AccountGuest();

    expect(await set(guest, { secret: { kind: 'password', password: 'canary-clear' } })).toMatchObject({
      phase: 'Failed',
      reason: 'SealBroken',
    });
    expect(guest.sets).toBe(0);
  });
});

describe('verifying a password', () => {
  it.each([
    ['True', (guest: AccountGuest) => (guest.field = hash)],
    ['False', (guest: AccountGuest) => (guest.field = '$6$other$hash')],
    ['False', (guest: AccountGuest) => (guest.exists = false)],
    ['Unknown', (guest: AccountGuest) => (guest.blocked = ['guest-exec'])],
  ])('answers %s and changes nothing', async (verified, change) => {
    const guest = new AccountGuest();
    change(guest);

    const ending = await verifyPasswordAction.run(aRun(guest));

    expect(ending).toMatchObject({ phase: 'Succeeded', reason: 'Compared', password: { verified } });
    expect(guest.sets).toBe(0);
  });
});
