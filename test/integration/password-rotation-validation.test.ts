import { expect, it } from 'vitest';
import { sharedCluster, testNamespace } from '../harness/fixtures.ts';

const namespace = testNamespace();
const { apply, kubectl } = sharedCluster();
let count = 0;
const longName = 'n'.repeat(64);
const longDomain = `${Array.from({ length: 5 }, () => 'd'.repeat(60)).join('.')}/n`;

async function applied(spec: object, name = `r-${(count += 1)}`): Promise<{ spec: Record<string, unknown> }> {
  const whole = { target: { guestName: 'web-1' }, username: 'app', ...spec };
  await apply({ apiVersion: 'qga.dev/v1alpha1', kind: 'PasswordRotation', metadata: { name, namespace }, spec: whole });
  return JSON.parse(await kubectl('get', 'pwr', name, '-n', namespace, '-o', 'json'));
}

it('completes what is left out', async () => {
  expect((await applied({})).spec).toMatchObject({
    hash: 'sha512crypt',
    parallelism: 10,
    backoffLimit: 6,
    historyLimit: 3,
    drift: 'Report',
    driftCheckInterval: '6h',
    deletionPolicy: 'Orphan',
    secretTemplate: { namePattern: '{guest}-{username}', type: 'kubernetes.io/basic-auth' },
    passwordPolicy: { length: 24 },
  });
  expect((await applied({ secretTemplate: { labels: { team: 'a' } } })).spec['secretTemplate']).toMatchObject({
    namePattern: '{guest}-{username}',
    labels: { team: 'a' },
  });
});

it.each([
  ['a schedule in a time zone', { schedule: '0 3 * * 0', timeZone: 'Europe/Berlin', jitter: '30m' }],
  ['an interval with minutes', { interval: '1h30m', jitter: '10m' }],
  ['the shortest interval', { interval: '1m' }],
  ['a share of the fleet', { parallelism: '25%' }],
  ['further keys', { secretTemplate: { data: { 'ssh.url': 'ssh://{username}@{guest}.{namespace}' }, type: 'Opaque' } }],
  [
    'all that a Secret may have',
    {
      secretTemplate: {
        labels: { 'app.kubernetes.io/part-of': 'Web_1.x', [longName.slice(1)]: '', 'a/b': 'v'.repeat(63) },
        annotations: { 'reloader.stakater.com/match': 'true, and "more"', 'a.b_c-d': '', 'Example.com/x': '' },
        data: { '.pgpass': '*:*:*:{username}:x', 'a..b': '', [longName.repeat(4).slice(3)]: 'x' },
      },
    },
  ],
  ['a Windows account', { username: 'Administrator', hash: 'None' }],
])('takes %s', async (_, spec) => {
  await applied(spec);
});

it.each([
  ['both schedule and interval', { schedule: '0 3 * * *', interval: '24h' }, 'give schedule or interval, not both'],
  ['a date for a schedule', { schedule: '2199-01-01T00:00:00' }, 'a schedule is five fields'],
  ['a schedule with seconds', { schedule: '0 0 3 * * *' }, 'a schedule is five fields'],
  ['an interval under a minute', { interval: '59s' }, 'of at least 1m'],
  ['an interval of no time', { interval: 'h' }, 'interval'],
  ['an interval in days', { interval: '30d' }, 'a duration such as 720h or 1h30m'],
  ['an interval beyond all time', { interval: '999999h' }, 'at most 87600h'],
  ['a jitter as long as the interval', { interval: '1h', jitter: '60m' }, 'jitter must be shorter than interval'],
  ['a time zone without a schedule', { interval: '1h', timeZone: 'Europe/Berlin' }, 'only with a schedule'],
  ['a colon in the username', { username: 'app:x' }, 'a username has no colon'],
  ['a newline in the username', { username: 'app\nroot' }, 'a username has no colon, newline'],
  ['no username', { username: '' }, 'username'],
  ['a target of nothing', { target: {} }, 'exactly one of guestName and selector'],
  ['a contradictory policy', { passwordPolicy: { length: 8, classes: { digits: 7 } } }, 'more characters than length'],
  ['an unknown hash', { hash: 'md5' }, 'sha512crypt'],
  ['no parallelism at all', { parallelism: 0 }, 'parallelism is a whole number from 1'],
  ['an endless history', { historyLimit: 11 }, 'less than or equal to 10'],
  ['one Secret for all guests', { secretTemplate: { namePattern: 'password' } }, 'namePattern needs {guest}'],
  ['a Secret name in capitals', { secretTemplate: { namePattern: '{guest}-Password' } }, 'lower-case letters'],
  ['an unknown placeholder', { secretTemplate: { namePattern: '{guest}-{node}' } }, '{guest} and {username}'],
  ['a key of its own', { secretTemplate: { data: { 'previous-password-2': 'x' } } }, 'for the operator itself'],
  ['a key that no Secret has', { secretTemplate: { data: { 'a b': 'x' } } }, 'a key of a Secret'],
  ['a key that is a folder', { secretTemplate: { data: { '..x': 'x' } } }, 'neither . nor begins with ..'],
  ['a key of one dot', { secretTemplate: { data: { '.': 'x' } } }, 'neither . nor begins with ..'],
  [
    'a label with a space in its value',
    { secretTemplate: { labels: { team: 'web team' } } },
    "a label's value is made of",
  ],
  ['a label with a space in its name', { secretTemplate: { labels: { 'a b': 'x' } } }, 'a name is up to 63 letters'],
  ['a label of too long a domain', { secretTemplate: { labels: { [longDomain]: 'x' } } }, 'a name is up to 63 letters'],
  ['an annotation of two domains', { secretTemplate: { annotations: { 'a/b/c': 'x' } } }, 'a name is up to 63 letters'],
  [
    'an annotation of a long name',
    { secretTemplate: { annotations: { [longName]: 'x' } } },
    'a name is up to 63 letters',
  ],
  ['a label of its own', { secretTemplate: { labels: { 'qga.dev/x': 'x' } } }, 'begin with qga.dev/'],
  ['an annotation of its own', { secretTemplate: { annotations: { 'qga.dev/x': 'x' } } }, 'begin with qga.dev/'],
  ['a misspelt field', { intervall: '1h' }, 'unknown field "spec.intervall"'],
])('refuses %s, with a sentence', async (_, spec, sentence) => {
  await expect(applied(spec)).rejects.toThrow(sentence);
});

it.each([
  ['username', { username: 'root' }, "username can't be changed"],
  ['namePattern', { secretTemplate: { namePattern: '{guest}-other' } }, "namePattern and type can't be changed"],
  ['type', { secretTemplate: { type: 'Opaque' } }, "namePattern and type can't be changed"],
])('keeps its %s', async (field, spec, sentence) => {
  await applied({}, `keeps-${field.toLowerCase()}`);

  await expect(applied(spec, `keeps-${field.toLowerCase()}`)).rejects.toThrow(sentence);
});

it('may change what it rotates, when and how', async () => {
  await applied({}, 'changes');

  await applied(
    { target: { selector: { matchLabels: { app: 'web' } } }, interval: '24h', hash: 'yescrypt', drift: 'Enforce' },
    'changes',
  );
});
