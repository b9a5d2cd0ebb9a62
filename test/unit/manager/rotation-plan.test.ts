import { describe, expect, it } from 'vitest';
import type { Guest, GuestTask, PasswordRotation } from '../../../src/api/resources.ts';
import { rotateNowAnnotation } from '../../../src/api/resources.ts';
import type { PasswordResult } from '../../../src/api/schema/password.ts';
import type { Secret } from '../../../src/kube/core-resources.ts';
import type { RotationObserved } from '../../../src/manager/rotation-observed.ts';
import { newSecret, pendingPatch, promotionPatch } from '../../../src/manager/rotation-patches.ts';
import { planRotation } from '../../../src/manager/rotation-plan.ts';
import { readSecret } from '../../../src/manager/rotation-secret.ts';
import { taskFor } from '../../../src/manager/task-template.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { merged } from '../support/merge-patch.ts';
import { aGuest, aRotation, noon } from './objects.ts';

const a = aGuest('a');
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const first = { password: 'First-password-1', id: 'first', setting: '$6$salt1' };
const second = { password: 'Second-password-2', id: 'second', setting: '$6$salt2' };

/** The Secret in which `pending` waits to be set. */
function pendingSecret(rotation: PasswordRotation, guest: Guest = a, version = '10'): Secret {
  const secret = newSecret(rotation, guest.metadata.name, first);
  return { ...secret, metadata: { ...secret.metadata, resourceVersion: version } };
}

/** The Secret of a guest that was rotated at `at`. */
function rotatedSecret(rotation: PasswordRotation, guest: Guest = a, at = noon): Secret {
  const pending = pendingSecret(rotation, guest);
  const done = { guestUid: guest.status?.domain?.uuid ?? '', verified: 'True' as const, now: at };
  const patch = promotionPatch(rotation, guest.metadata.name, readSecret(pending), done);
  return {
    ...(merged(pending, patch) as Secret),
    metadata: { ...(merged(pending, patch) as Secret).metadata, resourceVersion: '11' },
  };
}

function aSet(
  rotation: PasswordRotation,
  status: GuestTask['status'],
  more: { attempt?: number; value?: string; version?: string; guest?: Guest; verify?: true } = {},
): GuestTask {
  const { attempt = 0, value = 'first', version = '10', guest = a, verify } = more;
  const task = taskFor(rotation, guest, {
    action: verify ? { verifyPassword: { username: 'app' } } : { setPassword: { username: 'app' } },
    attempt,
    purpose: value,
    annotations: { 'qga.dev/password-id': value, 'qga.dev/secret-version': version },
  });
  const metadata = { ...task.metadata, creationTimestamp: timestamp(noon + attempt * 1000) };
  return { ...task, metadata, ...(status && { status }) };
}

const verifiedAs = (verified: PasswordResult['verified']): PasswordResult => ({ verified, account: 'Active' });
const succeeded = {
  phase: 'Succeeded',
  reason: 'PasswordSet',
  completionTime: timestamp(noon),
  password: verifiedAs('True'),
} as const;
const notAsTheSecret = { ...succeeded, password: verifiedAs('False') };
const running = {
  phase: 'Running',
  claim: { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon) },
} as const;
const failedWith = (reason: string, at = noon) =>
  ({ phase: 'Failed', reason, message: 'it says no', completionTime: timestamp(at) }) as const;

function plan(rotation: PasswordRotation, more: Partial<RotationObserved> & { secret?: Secret } = {}) {
  const { secret, ...rest } = more;
  return planRotation({
    rotation,
    guests: [a],
    tasks: [],
    secrets: new Map(secret ? [[secret.metadata.name, secret]] : []),
    hindrances: new Map(),
    edited: new Set(),
    problem: undefined,
    sealingKeyOf: () => ({ id: 'k', algorithm: 'a', publicKey: 'p' }),
    libvirtProblemOf: () => undefined,
    hostExists: () => true,
    now: noon + 1000,
    ...rest,
  });
}

/** The steps in a word or two. */
function told({ steps }: ReturnType<typeof plan>): unknown[] {
  return steps.map((step) => {
    if (step.do === 'prepare') return ['prepare', step.guest.metadata.name, step.keep?.password];
    if (step.do === 'promote') return ['promote', step.guest.metadata.name];
    return [step.action, step.guest.metadata.name, step.credential.password, step.attempt];
  });
}

describe('write-ahead', () => {
  const rotation = aRotation();

  it('writes a password down before anything else', () => {
    expect(told(plan(rotation))).toEqual([['prepare', 'a', undefined]]);
  });

  it('sets what is written', () => {
    expect(told(plan(rotation, { secret: pendingSecret(rotation) }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('waits for what is under way, however long it takes', () => {
    const tasks = [aSet(rotation, running)];

    const { steps, status } = plan(rotation, { secret: pendingSecret(rotation), tasks, now: noon + 10 * day });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ active: 1, rotated: '0/1', next: 'now' });
  });

  it('promotes what was verified', () => {
    const tasks = [aSet(rotation, succeeded)];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([['promote', 'a']]);
  });

  it('sets it again when the Secret was changed since the task was made: the value may be another', () => {
    const tasks = [aSet(rotation, succeeded, { version: '9' })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 1],
    ]);
  });

  it('takes nothing that was said of another value, or of another domain, for this one', () => {
    const other = aGuest('b');
    const tasks = [aSet(rotation, succeeded, { value: 'earlier' }), aSet(rotation, succeeded, { guest: other })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('minds no task of another Guest that claims to be the same domain', () => {
    const tasks = [aSet(rotation, running, { guest: { ...a, metadata: { ...a.metadata, name: 'forged' } } })];

    expect(told(plan(rotation, { secret: pendingSecret(rotation), tasks }))).toEqual([
      ['setPassword', 'a', first.password, 0],
    ]);
  });

  it('puts the pending password in the place of the current one, and that one into a bounded history', () => {
    const short = aRotation({ historyLimit: 2 });
    let secret = rotatedSecret(short);
    for (const password of ['P2', 'P3', 'P4']) {
      const prepared = merged(secret, pendingPatch(short, 'a', readSecret(secret), { ...second, password })) as Secret;
      const done = { guestUid: 'u', verified: 'True' as const, now: noon };
      secret = merged(prepared, promotionPatch(short, 'a', readSecret(prepared), done)) as Secret;
    }

    const clear = Object.entries(secret.data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, 'base64').toString(),
    ]);
    expect(Object.fromEntries(clear)).toEqual({
      username: 'app',
      password: 'P4',
      'previous-password': 'P3',
      'previous-password-2': 'P2',
    });
  });
});

describe('an attempt that failed', () => {
  const rotation = aRotation({ backoffLimit: 1 });
  const secret = pendingSecret(rotation);

  it('is followed by another with the same password after a wait that grows', () => {
    const tasks = [aSet(rotation, failedWith('NotVerified'))];

    const waiting = plan(rotation, { secret, tasks });

    expect([told(waiting), waiting.lookAgainMs]).toEqual([[], 9000]);
    expect(waiting.status.guests).toMatchObject([{ phase: 'Pending', reason: 'Retrying', attempts: 1 }]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 10_000 }))).toEqual([
      ['setPassword', 'a', first.password, 1],
    ]);
  });

  it('parks the guest when it was the last that backoffLimit allows', () => {
    const tasks = [
      aSet(rotation, failedWith('NotVerified')),
      aSet(rotation, failedWith('NotVerified'), { attempt: 1 }),
    ];

    const { steps, status } = plan(rotation, { secret, tasks, now: noon + day });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ parked: 1, guests: [{ phase: 'Failed', reason: 'NotVerified', parked: true }] });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Parked', status: 'True' }));
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', reason: 'GuestsParked' }));
  });

  it.each(['UnknownUser', 'AccountLocked', 'AccountExpired', 'CommandBlocked', 'CommandUnsupported'])(
    'parks the guest at once with %s, since another would come to the same',
    (reason) => {
      const tasks = [aSet(rotation, failedWith(reason))];

      expect(plan(rotation, { secret, tasks }).status).toMatchObject({ parked: 1, guests: [{ reason }] });
    },
  );

  it('does not count where the guest never saw it, and is tried ever less often', () => {
    const tasks = [0, 1, 2, 3].map((attempt) => aSet(rotation, failedWith('Undeliverable'), { attempt }));

    const waiting = plan(rotation, { secret, tasks });

    expect([told(waiting), waiting.lookAgainMs]).toEqual([[], 79_000]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 80_000 }))).toEqual([
      ['setPassword', 'a', first.password, 4],
    ]);
  });

  it('waits for 6 minutes at most, by its number: of the earlier ones few are kept', () => {
    const tasks = [aSet(rotation, failedWith('Undeliverable'), { attempt: 40 })];

    const { lookAgainMs, status } = plan(rotation, { secret, tasks });

    expect([lookAgainMs, status.guests?.[0]?.attempts]).toEqual([359_000, 41]);
    expect(told(plan(rotation, { secret, tasks, now: noon + 6 * minute }))).toEqual([
      ['setPassword', 'a', first.password, 41],
    ]);
  });

  it('is taken up again with the same password by a new value of the annotation, on the rotation or on the Secret', () => {
    const tasks = [aSet(rotation, failedWith('UnknownUser'))];
    const keep = { ...first, password: 'Abcdefghijklmnopqrstuvw1' };
    const withPolicy = newSecret(rotation, 'a', keep);
    const here = {
      ...withPolicy,
      metadata: {
        ...withPolicy.metadata,
        resourceVersion: '10',
        annotations: { ...withPolicy.metadata.annotations, [rotateNowAnnotation]: 'x' },
      },
    };
    const asked = aRotation({ backoffLimit: 1 }, { annotations: { [rotateNowAnnotation]: '1' } });

    expect(told(plan(asked, { secret: withPolicy, tasks }))).toEqual([['prepare', 'a', keep.password]]);
    expect(told(plan(rotation, { secret: here, tasks }))).toEqual([['prepare', 'a', keep.password]]);
  });

  it('is given another password then, if the policy has changed, and the one given up joins the history', () => {
    const asked = aRotation({ passwordPolicy: { length: 32 } }, { annotations: { [rotateNowAnnotation]: '1' } });

    const [step] = plan(asked, { secret, tasks: [aSet(asked, failedWith('PasswordRefused'))] }).steps;

    expect(step).toMatchObject({ do: 'prepare', keep: undefined });
    const patch = pendingPatch(asked, 'a', readSecret(secret), second) as { data: Record<string, string> };
    expect(Buffer.from(patch.data['previous-password'] ?? '', 'base64').toString()).toBe(first.password);
  });
});

describe('the next turn', () => {
  const at = (text: string) => Date.parse(text);

  it('comes an interval after the last one, later by the guest’s own share of the jitter', () => {
    const rotation = aRotation({ interval: '24h', jitter: '1h' });
    const secret = rotatedSecret(rotation);

    const { steps, status } = plan(rotation, { secret });
    const next = at(status.nextRotationTime ?? '');

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ rotated: '1/1', succeeded: 1, next: '24h', waiting: 0 });
    expect(next).toBeGreaterThanOrEqual(noon + day);
    expect(next).toBeLessThan(noon + day + hour);
    expect(told(plan(rotation, { secret, now: next + 1000 }))).toEqual([['prepare', 'a', undefined]]);
  });

  it('is spread over the fleet, the same way each time', () => {
    const rotation = aRotation({ interval: '240h' });
    const guests = Array.from({ length: 50 }, (_, index) => aGuest(`g${index}`));
    const secrets = new Map(
      guests.map((guest) => rotatedSecret(rotation, guest)).map((each) => [each.metadata.name, each]),
    );
    const turns = () => plan(rotation, { guests, secrets }).courses.map(({ next }) => next ?? 0);

    const spread = Math.max(...turns()) - Math.min(...turns());

    expect(spread).toBeGreaterThan(12 * hour);
    expect(spread).toBeLessThan(24 * hour);
    expect(turns()).toEqual(turns());
  });

  it('comes when the schedule says, in its time zone', () => {
    const rotation = aRotation({ schedule: '0 3 * * *', timeZone: 'Europe/Berlin' });
    const secret = rotatedSecret(rotation);

    expect(plan(rotation, { secret }).status.nextRotationTime).toBe('2026-01-02T02:00:00Z');
    expect(told(plan(rotation, { secret, now: at('2026-01-02T02:00:01Z') }))).toEqual([['prepare', 'a', undefined]]);
  });

  it('is made up for however late, or left out after startingDeadlineSeconds', () => {
    const late = at('2026-01-02T02:30:00Z');
    const patient = aRotation({ schedule: '0 2 * * *' });
    const strict = aRotation({ schedule: '0 2 * * *', startingDeadlineSeconds: 600, driftCheckInterval: '8760h' });

    expect(told(plan(patient, { secret: rotatedSecret(patient), now: late }))).toEqual([['prepare', 'a', undefined]]);
    expect(told(plan(strict, { secret: rotatedSecret(strict), now: late }))).toEqual([]);
    expect(plan(strict, { secret: rotatedSecret(strict), now: late }).status.nextRotationTime).toBe(
      '2026-01-03T02:00:00Z',
    );
  });

  it('never comes by itself without interval and schedule', () => {
    const rotation = aRotation();

    const { steps, status } = plan(rotation, { secret: rotatedSecret(rotation), now: noon + hour });

    expect(steps).toEqual([]);
    expect(status.next).toBeUndefined();
  });

  it('comes at once for a domain that took the guest’s name, for a missing password, and by the annotation once', () => {
    const rotation = aRotation();
    const asked = aRotation({}, { annotations: { [rotateNowAnnotation]: '1' } });
    const replaced = rotatedSecret(rotation, aGuest('z'));
    const emptied = rotatedSecret(rotation);
    const { password: _, ...rest } = emptied.data ?? {};

    const served = rotatedSecret(asked);
    expect(
      told(plan(rotation, { secret: { ...replaced, metadata: { ...replaced.metadata, name: 'a-app' } } })),
    ).toHaveLength(1);
    expect(told(plan(rotation, { secret: { ...emptied, data: rest } }))).toHaveLength(1);
    expect(told(plan(asked, { secret: rotatedSecret(rotation) }))).toEqual([['prepare', 'a', undefined]]);
    expect(told(plan(asked, { secret: served }))).toEqual([]);
  });
});

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

describe('drift', () => {
  const soon = noon + 6 * hour;
  const drifted = (rotation: PasswordRotation) => [
    aSet(rotation, succeeded),
    aSet(rotation, notAsTheSecret, { attempt: 1, verify: true }),
  ];

  it('is looked for at a slow pace, and soon after somebody changed the Secret', () => {
    const rotation = aRotation();
    const secret = rotatedSecret(rotation);
    const tasks = [aSet(rotation, succeeded)];

    const quiet = plan(rotation, { secret, tasks, now: soon - minute });

    expect(told(quiet)).toEqual([]);
    expect(quiet.lookAgainMs).toBe(minute);
    expect(told(plan(rotation, { secret, tasks, now: soon }))).toEqual([['verifyPassword', 'a', first.password, 1]]);
    expect(told(plan(rotation, { secret, tasks, now: noon + minute, edited: new Set(['a-app']) }))).toHaveLength(1);
  });

  it('is reported, and nothing is done about it', () => {
    const rotation = aRotation();

    const { steps, status } = plan(rotation, { secret: rotatedSecret(rotation), tasks: drifted(rotation) });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ drifted: 1, rotated: '1/1', guests: [{ reason: 'Drifted', verified: 'False' }] });
    for (const type of ['Drifted', 'Verified']) {
      const wanted = { type, status: type === 'Drifted' ? 'True' : 'False' };
      expect(status.conditions).toContainEqual(expect.objectContaining(wanted));
    }
  });

  it('is set back where that is enforced, to the password that the Secret has', () => {
    const rotation = aRotation({ drift: 'Enforce', backoffLimit: 0 });
    const secret = rotatedSecret(rotation);
    const failed = [...drifted(rotation), aSet(rotation, failedWith('NotVerified'), { attempt: 2 })];
    const back = [...drifted(rotation), aSet(rotation, succeeded, { attempt: 2 })];

    expect(told(plan(rotation, { secret, tasks: drifted(rotation) }))).toEqual([
      ['setPassword', 'a', first.password, 2],
    ]);
    expect(plan(rotation, { secret, tasks: failed }).status).toMatchObject({ parked: 1 });
    expect(plan(rotation, { secret, tasks: back }).status).toMatchObject({ drifted: 0, succeeded: 1 });
  });

  it('is known until somebody has seen the account to be as the Secret says: not by an attempt that could not tell', () => {
    const rotation = aRotation({ drift: 'Enforce' });
    const refused = { ...failedWith('PasswordRefused'), password: verifiedAs('Unknown') };
    const tasks = [...drifted(rotation), aSet(rotation, refused, { attempt: 2 })];

    const { status } = plan(rotation, { secret: rotatedSecret(rotation), tasks });

    expect(status).toMatchObject({ drifted: 1, guests: [{ verified: 'False' }] });
  });

  it('is not looked for where the guest lets nobody look, and the condition says that nobody knows', () => {
    const rotation = aRotation();
    const guest = blocking(a, 'guest-exec');
    const tasks = [aSet(rotation, { ...succeeded, password: verifiedAs('Unknown') })];

    const { steps, status } = plan(rotation, { guests: [guest], secret: rotatedSecret(rotation), tasks, now: soon });

    expect(steps).toEqual([]);
    expect(status).toMatchObject({ unverified: 1 });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Verified', status: 'Unknown' }));
  });
});

describe('a fleet', () => {
  const fleet = Array.from({ length: 10 }, (_, index) => aGuest(`g${index}`));

  it('is rotated a few guests at a time, retries first', () => {
    const rotation = aRotation({ parallelism: '20%' });
    const secret = pendingSecret(rotation, aGuest('g7'));

    const { steps, status } = plan(rotation, { guests: fleet, secret });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([
      ['setPassword', 'g7', first.password, 0],
      ['prepare', 'g0', undefined],
    ]);
    expect(status).toMatchObject({ targets: 10, active: 2, waiting: 8, rotated: '0/10' });
    expect(status.guests?.find(({ name }) => name === 'g1')).toMatchObject({ phase: 'Pending', reason: 'Queued' });
  });

  it.each([
    ['of a guest', aGuest('a')],
    ['of a suspended guest', aGuest('a', { suspend: true })],
  ])('is not held up by the task %s whose host has fallen silent, however long', (_, guest) => {
    const rotation = aRotation({ parallelism: 1 });
    const tasks = [aSet(rotation, running)];
    const guests = [silent(guest), aGuest('b')];

    const { steps, status } = plan(rotation, { guests, secret: pendingSecret(rotation), tasks, now: noon + day });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([['prepare', 'b', undefined]]);
    expect(status).toMatchObject({ waiting: 1, active: 1 });
    expect(status.guests).toContainEqual(expect.objectContaining({ name: 'a', phase: 'Running', reason: 'HostDown' }));
  });

  it('is not held up by a look at a guest whose host has fallen silent', () => {
    const rotation = aRotation({ parallelism: 1 });
    const tasks = [aSet(rotation, running, { verify: true })];
    const guests = [silent(a), aGuest('b')];

    const { steps, status } = plan(rotation, { guests, secret: rotatedSecret(rotation), tasks });

    expect(told({ steps } as ReturnType<typeof plan>)).toEqual([['prepare', 'b', undefined]]);
    expect(status).toMatchObject({ succeeded: 1, active: 1 });
  });

  it('of ten thousand has a status of bounded size, the worst guests first, and exact counters', () => {
    const rotation = aRotation();
    const many = Array.from({ length: 10_000 }, (_, index) => aGuest(`guest-${index}`, { running: index % 100 !== 0 }));
    const secrets = new Map(
      many
        .slice(0, 9000)
        .map((guest) => rotatedSecret(rotation, guest))
        .map((each) => [each.metadata.name, each]),
    );
    const parked = blocking(aGuest('parked'), 'guest-set-user-password');

    const { status } = plan(rotation, { guests: [...many, parked], secrets });

    expect(status).toMatchObject({ targets: 10_001, succeeded: 9000, parked: 1, rotated: '9000/10001' });
    expect(status.guests).toHaveLength(100);
    expect(status.guests?.[0]).toMatchObject({ name: 'parked' });
    expect(JSON.stringify(status).length).toBeLessThan(100_000);
  });

  it('leaves only a guest’s last tasks behind, and the failed attempts at a password that is pending', () => {
    const rotation = aRotation();
    const secret = pendingSecret(rotation);
    const old = [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, succeeded, { attempt, value: `old-${attempt}` }));
    const failed = (reason: string) =>
      [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, failedWith(reason), { attempt }));

    expect(dropped(plan(rotation, { secret: rotatedSecret(rotation), tasks: old }))).toEqual([1, 0]);
    expect(dropped(plan(rotation, { secret, tasks: failed('NotVerified') }))).toEqual([]);
    expect(dropped(plan(rotation, { secret, tasks: failed('Undeliverable') }))).toEqual([1, 0]);
  });

  it.each(['a hindrance', 'no hindrance'])('leaves them behind with %s in the Secret’s way', (which) => {
    const rotation = aRotation();
    const tasks = [0, 1, 2, 3, 4].map((attempt) => aSet(rotation, failedWith('NotVerified'), { attempt }));
    const hindrance = { reason: 'SecretNotWritten', message: 'a quota' };
    const hindrances = new Map(which === 'a hindrance' ? [['a-app', hindrance]] : []);

    expect(dropped(plan(rotation, { secret: pendingSecret(rotation), tasks, hindrances }))).toEqual([]);
  });

  it('leaves behind what a drifted account is known by, however often it could not be set back', () => {
    const rotation = aRotation({ drift: 'Enforce' });
    const secret = rotatedSecret(rotation);
    const seen = [aSet(rotation, succeeded), aSet(rotation, notAsTheSecret, { attempt: 1, verify: true })];
    const then = (reason: string) => [2, 3, 4, 5].map((attempt) => aSet(rotation, failedWith(reason), { attempt }));

    const unreached = plan(rotation, { secret, tasks: [...seen, ...then('Undeliverable')] });

    expect(unreached.status).toMatchObject({ drifted: 1 });
    expect(dropped(unreached)).toEqual([2, 0]);
    expect(dropped(plan(rotation, { secret, tasks: [...seen, ...then('DeadlineExceeded')] }))).toEqual([0]);
  });
});

function dropped({ drop }: ReturnType<typeof plan>): (number | undefined)[] {
  return drop.map(({ spec }) => spec.attempt);
}

/** As the manager shows it when nothing is heard from its host. */
function silent(guest: Guest): Guest {
  const conditions = guest.status?.conditions?.map((each) => ({ ...each, status: 'Unknown' as const }));
  return { ...guest, status: { ...guest.status, ...(conditions && { conditions }) } };
}

function blocking(guest: Guest, command: string): Guest {
  return { ...guest, status: { ...guest.status, agent: { blockedCommands: [command] } } };
}

function windows(guest: Guest): Guest {
  return { ...guest, status: { ...guest.status, os: { id: 'mswindows' } } };
}
