import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { configMaps } from '../../../src/kube/core-resources.ts';
import { loadEndpoint } from '../../../src/kube/endpoint.ts';
import { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { type Credentials, issueCertificate, makeCredentials } from '../../harness/control-plane/credentials.ts';
import { FakeClock } from '../support/fake-clock.ts';

const a = { namespace: 'ns', name: 'a' };
let folder: string;
let credentials: Credentials;
const cleanup: (() => Promise<unknown>)[] = [];
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qga-tls-'));
  credentials = await makeCredentials(folder, '127.0.0.1');
  for (const name of ['first', 'second']) await issueCertificate(folder, name, `/CN=${name}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const each of cleanup.splice(0).toReversed()) await each();
});
afterAll(async () => await rm(folder, { recursive: true }));

/** An API server that tells who asked it, by their certificates, and over how many connections. */
async function startServer() {
  const [ca, cert, key] = await Promise.all(
    [credentials.ca, credentials.apiServer.certificate, credentials.apiServer.key].map(async (path) => readFile(path)),
  );
  const clients: string[] = [];
  const server = createServer({ ca, cert, key, requestCert: true }, ({ socket, url }, response) => {
    clients.push(String((socket as TLSSocket).getPeerCertificate().subject?.CN));
    if (url?.includes('watch')) response.writeHead(200).flushHeaders();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ metadata: a }));
  });
  const seen = { clients, connections: 0, open: 0 };
  server.on('secureConnection', (socket) => {
    seen.connections++;
    seen.open++;
    socket.once('close', () => seen.open--);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** A proxy that notes where it was asked to open a way to, and by whom. */
async function startProxy(answer = 200) {
  const ways: string[] = [];
  const server = createHttpServer();
  server.on('connect', ({ url = '', headers }, near) => {
    ways.push([url, headers['proxy-authorization']].filter(Boolean).join(' '));
    if (answer !== 200) return near.end(`HTTP/1.1 ${answer} No\r\n\r\n`);
    const [host = '', port = ''] = url.split(':');
    const far = connect(Number(port), host, () => near.write('HTTP/1.1 200 OK\r\n\r\n'));
    for (const socket of [near, far]) socket.on('error', () => {});
    far.pipe(near).pipe(far);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, ways };
}

async function clusterOf(server: string, user: object, more: object = {}) {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority': credentials.ca, ...more } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(file('kubeconfig'), JSON.stringify(config));
  const clock = new FakeClock();
  const cluster = new HttpCluster({ endpoint: await loadEndpoint(file('kubeconfig'), clock), random: () => 0.5 });
  cleanup.push(async () => await cluster.close());
  return { cluster, clock };
}

const onDisk = () => ({ 'client-certificate': file('client.crt'), 'client-key': file('client.key') });

async function rotateTo(name: string, ...endings: string[]): Promise<void> {
  for (const ending of endings) await cp(file(`${name}.${ending}`), file(`client.${ending}`));
}

describe('a client certificate', () => {
  it('that was rotated on disk is taken up, while what is under way goes on', async () => {
    await rotateTo('first', 'crt', 'key');
    const { server, seen } = await startServer();
    const { cluster, clock } = await clusterOf(server, onDisk());
    const stop = new AbortController();
    const watch = cluster.watch(configMaps, { namespace: 'ns', resourceVersion: '7', signal: stop.signal }).next();
    for (let i = 0; i < 3; i++) await cluster.get(configMaps, a);
    await expect.poll(() => seen.clients).toHaveLength(4);
    const before = seen.connections;

    await rotateTo('second', 'crt', 'key');
    await clock.advance(30_000);
    for (let i = 0; i < 3; i++) await cluster.get(configMaps, a);

    expect(seen.clients.slice(-3)).toEqual(['second', 'second', 'second']);
    // Those of the calls before are closed, that of the watch is not.
    await expect.poll(() => seen.open).toBe(1 + seen.connections - before);
    stop.abort(new Error('enough'));
    await expect(watch).rejects.toThrow('enough');
  });

  it('is taken up only with its key', async () => {
    await rotateTo('first', 'crt', 'key');
    const { server, seen } = await startServer();
    const { cluster, clock } = await clusterOf(server, onDisk());

    await rotateTo('second', 'crt');
    await clock.advance(30_000);
    await cluster.get(configMaps, a);
    await rotateTo('second', 'key');
    await clock.advance(30_000);
    await cluster.get(configMaps, a);

    expect(seen.clients).toEqual(['first', 'second']);
  });

  it('of a plugin is taken up when it gives another', async () => {
    await rotateTo('first', 'crt', 'key');
    const plugin = `
      const [certificate, key] = ['crt', 'key'].map((each) => require('fs').readFileSync(process.argv[1] + '.' + each, 'utf8'));
      const status = { clientCertificateData: certificate, clientKeyData: key, expirationTimestamp: '2020-01-01T00:00:00Z' };
      console.log(JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status }));`;
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: ['-e', plugin, file('client')],
    };
    const { server, seen } = await startServer();
    const { cluster, clock } = await clusterOf(server, { exec });
    await cluster.get(configMaps, a);

    await rotateTo('second', 'crt', 'key');
    await clock.advance(30_000);
    await cluster.get(configMaps, a);

    expect(seen.clients).toEqual(['first', 'second']);
  });
});

describe('a proxy', () => {
  it('that the kubeconfig names opens the way, over which the connection stays', async () => {
    await rotateTo('first', 'crt', 'key');
    const { server, seen } = await startServer();
    const proxy = await startProxy();
    const { cluster } = await clusterOf(server, onDisk(), { 'proxy-url': `http://me:secret@${proxy.host}` });

    for (let i = 0; i < 20; i++) await cluster.get(configMaps, a);
    await Promise.all(Array.from({ length: 100 }, async () => cluster.get(configMaps, a)));

    const word = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    expect(new Set(proxy.ways)).toEqual(new Set([`${new URL(server).host} ${word}`]));
    expect(new Set(seen.clients)).toEqual(new Set(['first']));
    expect(seen.connections).toBeLessThanOrEqual(16);
  });

  it('that lets nobody through is told, and nothing was sent', async () => {
    await rotateTo('first', 'crt', 'key');
    const { server } = await startServer();
    const proxy = await startProxy(407);
    const { cluster } = await clusterOf(server, onDisk(), { 'proxy-url': `http://${proxy.host}` });

    await expect(cluster.create(configMaps, { metadata: a })).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining('407') as string,
    });
  });

  it('of the environment is asked for a server that is not this machine', async () => {
    const proxy = await startProxy(503);
    vi.stubEnv('HTTPS_PROXY', `http://${proxy.host}`);
    const { cluster } = await clusterOf('https://api.invalid:6443', {});

    await expect(cluster.get(configMaps, a)).rejects.toMatchObject({ reason: 'Unreachable' });

    expect(proxy.ways).toEqual(['api.invalid:6443']);
  });
});
