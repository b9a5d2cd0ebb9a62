import { expect, it } from 'vitest';
import type { Exec } from '../../../src/api/schema/exec.ts';
import type { GuestTaskSpec } from '../../../src/api/schema/guest-task.ts';
import type { ConfigMap } from '../../../src/kube/core-resources.ts';
import { TaskInputs } from '../../../src/manager/task-inputs.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function setUp() {
  const cluster = new MemoryCluster();
  const put = (name: string, more: object, namespace = 'team-a') => {
    cluster.objects.set(`${namespace}/${name}`, { metadata: { name, namespace }, ...more });
  };
  put('db', { data: { password: base64('s3cret'), blob: Buffer.from([0, 255]).toString('base64') } });
  put('scripts', { data: { 'deploy.sh': 'echo hi' }, binaryData: { tar: base64('bytes') } });
  const inputs = new TaskInputs({ cluster: cluster.cluster, operatorNamespace: 'qga-system' });
  const readAction = (action: GuestTaskSpec['action'], namespace = 'team-a') => inputs.read(namespace, action, {});
  const read = (exec: Exec) => readAction({ exec });
  return { cluster, put, read, readAction };
}
const secret = (key: string, optional?: boolean) => ({
  secretKeyRef: { name: 'db', key, ...(optional !== undefined && { optional }) },
});
const configMap = (key: string) => ({ configMapKeyRef: { name: 'scripts', key } });

it('gives variables, standard input and a script from Secrets and ConfigMaps, reading each object once', async () => {
  const { cluster, read } = setUp();

  const inputs = await read({
    script: { sourceFrom: configMap('deploy.sh') },
    env: [
      { name: 'PLAIN', value: 'stays in the task' },
      { name: 'PASSWORD', valueFrom: secret('password') },
    ],
    stdinFrom: configMap('tar'),
  });

  expect(inputs).toEqual({ kind: 'exec', env: { PASSWORD: 's3cret' }, script: 'echo hi', stdin: base64('bytes') });
  expect(cluster.calls).toEqual(['get', 'get']);
});

it('says what is missing, and leaves out what may be', async () => {
  const { read } = setUp();

  expect(await read({ command: ['x'], env: [{ name: 'A', valueFrom: secret('nothing') }] })).toEqual({
    reason: 'InputNotFound',
    message: 'Secret team-a/db has no key nothing',
  });
  expect(await read({ command: ['x'], stdinFrom: { secretKeyRef: { name: 'nobody', key: 'k' } } })).toEqual({
    reason: 'InputNotFound',
    message: 'Secret team-a/nobody does not exist',
  });
  expect(await read({ command: ['x'], env: [{ name: 'A', valueFrom: secret('nothing', true) }] })).toEqual({
    kind: 'exec',
  });
});

it('refuses bytes where only text can be, without a word of what they are', async () => {
  const { read } = setUp();

  expect(await read({ command: ['x'], env: [{ name: 'A', valueFrom: secret('blob') }] })).toEqual({
    reason: 'InputInvalid',
    message: 'key blob of Secret db is no text: it has a NUL, or is not UTF-8',
  });
});

it('refuses what is too large for one task', async () => {
  const { cluster, read } = setUp();
  const large: ConfigMap = {
    metadata: { name: 'scripts', namespace: 'team-a' },
    data: { large: 'x'.repeat(900_000) },
  };
  cluster.objects.set('team-a/scripts', large);

  expect(await read({ command: ['x'], stdinFrom: configMap('large') })).toMatchObject({ reason: 'InputInvalid' });
});

it('gives the bytes of a file, and the arguments of a command as text', async () => {
  const { readAction: read } = setUp();

  expect(await read({ writeFile: { path: '/a', contentFrom: secret('blob') } })).toEqual({
    kind: 'file',
    content: Buffer.from([0, 255]).toString('base64'),
  });
  expect(await read({ command: { execute: 'guest-exec', argumentsFrom: secret('password') } })).toEqual({
    kind: 'arguments',
    arguments: 's3cret',
  });
});

it('waits for what a file is made of, whatever its reference says', async () => {
  const { readAction } = setUp();
  const action = { writeFile: { path: '/a', contentFrom: secret('nothing', true) } };

  expect(await readAction(action)).toMatchObject({ reason: 'InputNotFound' });
});

it("gives no Secret of the operator's own namespace to a guest, without reading it, but ConfigMaps", async () => {
  const { cluster, put, readAction } = setUp();
  put('ssh-key', { data: { key: base64('private') } }, 'qga-system');
  put('scripts', { data: { 'deploy.sh': 'echo hi' } }, 'qga-system');
  const key = { secretKeyRef: { name: 'ssh-key', key: 'key', optional: true } };

  expect(await readAction({ writeFile: { path: '/a', contentFrom: key } }, 'qga-system')).toEqual({
    reason: 'InputInvalid',
    message: expect.stringMatching(/^Secret qga-system\/ssh-key is in the operator's own namespace/),
  });
  expect(cluster.calls).toEqual([]);
  const script = { sourceFrom: configMap('deploy.sh') };
  expect(await readAction({ exec: { script } }, 'qga-system')).toEqual({ kind: 'exec', script: 'echo hi' });
});
