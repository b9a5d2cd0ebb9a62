import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { contextsOf, loadEndpoint } from '../../../src/kube/endpoint.ts';
import { FakeClock } from '../support/fake-clock.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qga-kubeconfig-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

interface Parts {
  server?: string;
  cluster?: object;
  user?: object;
  context?: object;
}

async function kubeconfig(parts: Parts | string): Promise<string> {
  const path = join(folder, 'kubeconfig');
  await writeFile(path, typeof parts === 'string' ? parts : JSON.stringify(configOf(parts)));
  return path;
}

function configOf({ server = 'https://127.0.0.1:6443', cluster, user = {}, context }: Parts): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, ...cluster } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...context } }],
    'current-context': 'x',
  };
}

describe('a kubeconfig', () => {
  it('says where the server is, which namespace is meant, and with what token to come', async () => {
    const path = await kubeconfig({
      server: 'https://127.0.0.1:6443/',
      cluster: { 'tls-server-name': 'api.test' },
      user: { token: 'secret' },
      context: { namespace: 'team-a' },
    });

    const endpoint = await loadEndpoint(path, new FakeClock());

    expect(endpoint).toMatchObject({
      server: 'https://127.0.0.1:6443',
      tls: { servername: 'api.test' },
      namespace: 'team-a',
    });
    expect(await endpoint.authorize()).toEqual({ Authorization: 'Bearer secret' });
  });

  it('may name a plugin that gives the token', async () => {
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'fresh' },
    };
    const exec = { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)] };

    const endpoint = await loadEndpoint(await kubeconfig({ user: { exec } }), new FakeClock());

    expect(await endpoint.authorize()).toEqual({ Authorization: 'Bearer fresh' });
  });

  it('is looked for in $KUBECONFIG when no path is given', async () => {
    vi.stubEnv('KUBECONFIG', await kubeconfig({ server: 'https://from.env:6443' }));

    expect((await loadEndpoint(undefined, new FakeClock())).server).toBe('https://from.env:6443');
  });
});

describe('a context', () => {
  const two = async () =>
    await kubeconfig(
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: ['a', 'b'].map((name) => ({ name, cluster: { server: `https://${name}:6443` } })),
        users: [{ name: 'u', user: {} }],
        contexts: ['a', 'b'].map((name) => ({ name, context: { cluster: name, user: 'u', namespace: `in-${name}` } })),
        'current-context': 'a',
      }),
    );

  it('other than the current one can be asked for', async () => {
    expect(await loadEndpoint(await two(), new FakeClock(), 'b')).toMatchObject({
      server: 'https://b:6443',
      namespace: 'in-b',
    });
    expect(contextsOf(await two())).toEqual(['a', 'b']);
  });

  it('that is not there is refused in a sentence', async () => {
    await expect(loadEndpoint(await two(), new FakeClock(), 'c')).rejects.toThrow('has no context c');
  });
});

describe('is refused in a sentence', () => {
  it.each<[string, Parts | string, string]>([
    ['that is empty', '', "can't be used"],
    ['that is no YAML', 'a: [', "can't be used"],
    ['that names no cluster', 'hello', 'has no current cluster'],
    ['whose server is no URL', { server: 'not a url' }, "the kubeconfig's server is no URL: not a url"],
    ['whose server speaks no TLS', { server: 'http://127.0.0.1:1' }, 'HTTP protocol is not allowed'],
    ['whose authority is missing', { cluster: { 'certificate-authority': '/no/such.ca' } }, '/no/such.ca'],
    [
      'whose certificate is garbage',
      { user: { 'client-certificate-data': 'aGVsbG8=', 'client-key-data': 'aGVsbG8=' } },
      'PEM',
    ],
    [
      'whose plugin is missing',
      { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: '/no/such/plugin' } } },
      '/no/such/plugin',
    ],
  ])('a kubeconfig %s', async (_, parts, sentence) => {
    await expect(loadEndpoint(await kubeconfig(parts), new FakeClock())).rejects.toMatchObject({
      code: 'BadKubeconfig',
      message: expect.stringContaining(sentence) as string,
    });
  });

  it('a kubeconfig that does not exist', async () => {
    await expect(loadEndpoint('/no/such/kubeconfig', new FakeClock())).rejects.toMatchObject({
      code: 'BadKubeconfig',
      message: expect.stringContaining('/no/such/kubeconfig') as string,
    });
  });

  it('the want of any', async () => {
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', folder);

    await expect(loadEndpoint(undefined, new FakeClock())).rejects.toMatchObject({
      code: 'BadKubeconfig',
      message: expect.stringContaining('there is no kubeconfig') as string,
    });
  });
});
