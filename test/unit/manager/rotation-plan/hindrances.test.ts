import { describe, expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../../../src/api/resources.ts';
import { aGuest, aRotation, noon } from '../objects.ts';
import { aSet, blocking, day, pendingSecret, plan, rotatedSecret, succeeded, told, windows } from './observed.ts';

describe('a guest in which nothing can be started', () => {
  const rotation = aRotation();

  it.each([
    ['GuestNotRunning', aGuest('a', { running: false }), 'waiting'],
    ['GuestSuspended', aGuest('a', { suspend: true }), 'waiting'],
    ['NoAgentChannel', aGuest('a', { agent: 'NoAgentChannel' }), 'parked'],
    ['CommandBlocked', blocking(aGuest('a'), 'guest-set-user-password'), 'parked'],
    ['HashUnsupported', windows(aGuest('a')), 'parked'],
  ])('waits or is parked with %s, and nothing is written', (reason, guest, standing) => {
    const { steps, status } = plan(rotation, { guests: [guest] });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ [standing]: 1, guests: [{ reason }] });
  });

  it('waits while its host has no key to seal to, and while the rotation is suspended', () => {
    const suspended = aRotation({ suspend: true });

    expect(plan(rotation, { sealingKeyOf: () => undefined }).status.guests).toMatchObject([{ reason: 'NoSealingKey' }]);
    expect(plan(suspended).status.guests).toMatchObject([{ reason: 'RotationSuspended' }]);
    expect(plan(suspended).status.conditions).toContainEqual(
      expect.objectContaining({ type: 'Suspended', status: 'True' }),
    );
  });

  it('waits while its host’s agent can’t reach libvirt: nothing is written, set or looked at', () => {
    const libvirtProblemOf = (node: string) => (node === 'hv1' ? 'no socket' : undefined);
    const message = expect.stringContaining('no socket') as string;

    const { steps, status } = plan(rotation, { libvirtProblemOf });

    expect(steps).toEqual([]);
    expect(status.guests).toMatchObject([{ phase: 'Pending', reason: 'LibvirtNotConnected', message }]);
    for (const secret of [pendingSecret(rotation), rotatedSecret(rotation)]) {
      expect(plan(rotation, { libvirtProblemOf, secret, now: noon + day }).steps).toEqual([]);
    }
  });

  it('has its password promoted all the same when the rotation is suspended in its midst', () => {
    const suspended = aRotation({ suspend: true });

    expect(told(plan(suspended, { secret: pendingSecret(suspended), tasks: [aSet(suspended, succeeded)] }))).toEqual([
      ['promote', 'a'],
    ]);
  });

  it('is Windows, and is rotated with clear text', () => {
    expect(told(plan(aRotation({ hash: 'None' }), { guests: [windows(aGuest('a'))] }))).toHaveLength(1);
  });
});

describe('a rotation that can not be meant', () => {
  it.each([
    ['PasswordPolicyUnusable', aRotation({ passwordPolicy: { length: 8, minimumEntropyBits: 200 } })],
    ['ScheduleInvalid', aRotation({ schedule: '61 * * * *' })],
    ['ScheduleInvalid', aRotation({ schedule: '0 3 * * *', timeZone: 'Nowhere/Land' })],
  ])('starts nothing and says %s', (reason, rotation) => {
    const { steps, status } = plan(rotation);

    expect(steps).toEqual([]);
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'False', reason }));
  });

  it('says that no guest matches', () => {
    const { status } = plan(aRotation(), { guests: [] });

    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'NoGuestsMatched' }));
  });
});

describe('a Secret that a rotation of the same name left behind', () => {
  const secretTemplate = { namePattern: '{guest}' };
  const left = rotatedSecret(aRotation({ username: 'root', secretTemplate }));
  const { 'qga.dev/account': _, ...older } = left.metadata.annotations ?? {};

  it('is taken up again for the same account', () => {
    const { steps, status } = plan(aRotation({ username: 'root', secretTemplate }), { secret: left });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ succeeded: 1 });
  });

  it.each([
    ['', left],
    [', as its username says where nothing else does', { ...left, metadata: { ...left.metadata, annotations: older } }],
  ])('is left alone when it has another account’s password%s', (_how, secret) => {
    const asked = { annotations: { [rotateNowAnnotation]: '1' } };

    const { steps, patch, status } = plan(aRotation({ username: 'app', secretTemplate }, asked), { secret });

    expect([steps, patch]).toEqual([[], []]);
    expect(status).toMatchObject({ parked: 1, guests: [{ reason: 'SecretConflict' }] });
  });
});
