import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../src/kube/cluster.ts';
import { type ConfigMap, configMaps, leases } from '../../../src/kube/core-resources.ts';
import {
  isAlreadyExists,
  isConflict,
  isExpired,
  isInvalid,
  isNotFound,
  isPassing,
  isRefusedAsIs,
} from '../../../src/kube/errors.ts';
import { HttpCluster, type HttpClusterOptions } from '../../../src/kube/http-cluster.ts';
import { eventually } from '../../harness/eventually.ts';
import { collected } from '../support/collected.ts';
import {
  json,
  type ScriptedApiServer,
  silence,
  startScriptedApiServer,
  watchLines,
} from '../support/scripted-api-server.ts';

let server: ScriptedApiServer;
let cluster: HttpCluster;
const a = { namespace: 'ns', name: 'a' };

beforeEach(async () => {
  server = await startScriptedApiServer();
  cluster = client();
});

afterEach(async () => {
  await cluster.close();
  await server.close();
});

function client(options: Partial<HttpClusterOptions> = {}): HttpCluster {
  return new HttpCluster({ endpoint: server.endpoint, timeoutMs: 5000, random: () => 0.5, ...options });
}

function configMap(name: string, metadata: object = {}): ConfigMap {
  return { metadata: { namespace: 'ns', name, ...metadata } };
}

function watch(resourceVersion = '7', signal = new AbortController().signal): AsyncIterable<WatchEvent<ConfigMap>> {
  return cluster.watch(configMaps, { namespace: 'ns', resourceVersion, signal });
}

describe('a request', () => {
  it.each([
    ['get', async () => cluster.get(configMaps, a), 'GET /api/v1/namespaces/ns/configmaps/a'],
    ['create', async () => cluster.create(configMaps, configMap('a')), 'POST /api/v1/namespaces/ns/configmaps'],
    ['replace', async () => cluster.replace(configMaps, configMap('a')), 'PUT /api/v1/namespaces/ns/configmaps/a'],
    [
      'replaceStatus',
      async () => cluster.replaceStatus(configMaps, configMap('a')),
      'PUT /api/v1/namespaces/ns/configmaps/a/status',
    ],
    ['mergePatch', async () => cluster.mergePatch(configMaps, a, {}), 'PATCH /api/v1/namespaces/ns/configmaps/a'],
    ['delete', async () => cluster.delete(configMaps, a), 'DELETE /api/v1/namespaces/ns/configmaps/a'],
    [
      'get of a named group',
      async () => cluster.get(leases, a),
      'GET /apis/coordination.k8s.io/v1/namespaces/ns/leases/a',
    ],
  ])('to %s goes where the API conventions say, with credentials', async (_, call, line) => {
    server.answer(json(200, configMap('a')));

    await call();

    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([line]);
    expect(server.requests[0]?.headers).toMatchObject({ authorization: 'Bearer t', accept: 'application/json' });
  });

  it('to patch says that it is a merge patch', async () => {
    server.answer(json(200, configMap('a')));

    await cluster.mergePatch(configMaps, a, { data: { x: null } });

    expect(server.requests[0]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(server.requests[0]?.body).toBe('{"data":{"x":null}}');
  });

  it('to delete this very object says so', async () => {
    server.answer(json(200, { kind: 'Status', status: 'Success' }));

    await cluster.delete(configMaps, a, { uid: 'u-1' });

    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      propagationPolicy: 'Background',
      preconditions: { uid: 'u-1' },
    });
  });

  it('gives the object without its managed fields', async () => {
    server.answer(json(200, configMap('a', { resourceVersion: '3', managedFields: [{ manager: 'kubectl' }] })));

    expect(await cluster.get(configMaps, a)).toEqual(configMap('a', { resourceVersion: '3' }));
  });

  it('uses the connection of the one before', async () => {
    server.answer(json(200, configMap('a')));

    for (let i = 0; i < 200; i++) await cluster.get(configMaps, a);

    expect(server.requests).toHaveLength(200);
    expect(server.connections.opened).toBeLessThan(4);
  });

  it('shares at most sixteen connections with all the others', async () => {
    server.answer((response, request) => setTimeout(() => json(200, configMap('a'))(response, request), 5));

    await Promise.all(Array.from({ length: 100 }, async () => cluster.get(configMaps, a)));

    expect(server.connections.opened).toBeLessThanOrEqual(16);
  });
});

describe('an error of the server', () => {
  it.each([
    [404, 'NotFound'],
    [409, 'Conflict'],
    [409, 'AlreadyExists'],
    [422, 'Invalid'],
    [403, 'Forbidden'],
  ])('%i %s is known by its reason', async (code, reason) => {
    server.answer(json(code, { kind: 'Status', status: 'Failure', code, reason, message: 'said by the server' }));

    const error: unknown = await cluster.get(configMaps, a).catch((caught: unknown) => caught);

    expect(error).toMatchObject({
      name: 'ApiError',
      code,
      reason,
      message: 'said by the server',
      outcomeUnknown: false,
    });
    expect([isNotFound(error), isConflict(error), isAlreadyExists(error)]).toEqual(
      ['NotFound', 'Conflict', 'AlreadyExists'].map((each) => each === reason),
    );
  });

  it.each([
    ['the header', json(429, { kind: 'Status', reason: 'TooManyRequests' }, { 'retry-after': '3' })],
    ['the Status', json(429, { kind: 'Status', reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } })],
  ])('tells from %s how long to leave it alone', async (_, answer) => {
    server.answer(answer);

    await expect(cluster.get(configMaps, a)).rejects.toMatchObject({ code: 429, retryAfterSeconds: 3 });
  });

  it.each([
    ['a page of a proxy', '<html>no healthy upstream</html>'],
    ['nothing', ''],
    ['null', 'null'],
  ])('is known by its code where its body is %s', async (_, body) => {
    server.answer((response) => void response.writeHead(503).end(body));

    await expect(cluster.get(configMaps, a)).rejects.toMatchObject({ code: 503, reason: 'HTTP503' });
  });

  it.each([400, 404, 409, 410, 422])(
    'says nothing of the object where a proxy answers %i in its place, and passes',
    async (code) => {
      for (const body of ['<html>not here</html>', '{"message":"no route"}', '[]']) {
        server.answer((response) => void response.writeHead(code, { 'content-type': 'text/html' }).end(body));

        const error: unknown = await cluster.get(configMaps, a).catch((caught: unknown) => caught);

        expect(error).toMatchObject({ name: 'ApiError', code, reason: `HTTP${code}` });
        const words = [isNotFound, isConflict, isAlreadyExists, isExpired, isInvalid, isRefusedAsIs];
        expect(words.filter((says) => says(error))).toEqual([]);
        expect(isPassing(error)).toBe(true);
      }
    },
  );

  it.each([401, 403, 413])('does not pass by itself where a proxy answers %i in its place', async (code) => {
    server.answer((response) => void response.writeHead(code).end('<html>no</html>'));

    const error: unknown = await cluster.get(configMaps, a).catch((caught: unknown) => caught);

    expect(isPassing(error)).toBe(false);
  });
});

describe('a path that the API server does not know, to which it answers without a Status,', () => {
  const group = leases.group;
  const groups = (...versions: string[]) => ({
    kind: 'APIGroupList',
    groups: [
      { name: 'apps', versions: [{ version: 'v1' }] },
      ...versions.map((version) => ({ name: group, versions: [{ version }] })),
    ],
  });
  const kinds = (...plurals: string[]) => ({ kind: 'APIResourceList', resources: plurals.map((name) => ({ name })) });

  /** Serves these paths; of every other it answers what the API server does, and Go's proxies do, too. */
  function serve(paths: Record<string, object>): void {
    server.answer((response, request) => {
      const body = paths[request.path];
      if (body) json(200, body)(response, request);
      else response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    });
  }

  it.each([
    ['the group', { '/apis': groups() }],
    ['its version', { '/apis': groups('v1beta1') }],
    ['the kind', { '/apis': groups('v1'), [`/apis/${group}/v1`]: kinds('leasecandidates') }],
  ])('is of a kind that is not there where %s is not served', async (_, paths) => {
    serve(paths);

    expect(isNotFound(await cluster.list(leases).catch((caught: unknown) => caught))).toBe(true);
    expect(isNotFound(await cluster.get(leases, a).catch((caught: unknown) => caught))).toBe(true);
  });

  it.each([
    ['is served', { '/apis': groups('v1'), [`/apis/${group}/v1`]: kinds('leases') }],
    ['may be served by one that is away', { '/apis': groups('v1') }],
    ['may be served, as what is served is not told', {}],
    ['may be served, as the API server only starts', { '/apis': { kind: 'APIGroupList', groups: [] } }],
    ['may be served, as what is told is something else', { '/apis': { status: 'ok' } }],
  ])('tells nothing of an object whose kind %s', async (_, paths) => {
    serve(paths);

    await expect(cluster.list(leases)).rejects.toMatchObject({ code: 404, reason: 'HTTP404' });
    await expect(cluster.get(leases, a)).rejects.toMatchObject({ code: 404, reason: 'HTTP404' });
  });

  it('is not asked about where a Status has said it all', async () => {
    server.answer(json(404, { kind: 'Status', reason: 'NotFound' }));

    await expect(cluster.get(leases, a)).rejects.toMatchObject({ reason: 'NotFound' });

    expect(server.requests).toHaveLength(1);
  });
});

describe('when the server can not be reached', () => {
  it('nothing was carried out', async () => {
    await server.close();

    const creating = cluster.create(configMaps, configMap('a'));

    await expect(creating).rejects.toMatchObject({ code: 0, reason: 'Unreachable', outcomeUnknown: false });
    server = await startScriptedApiServer();
  });

  it('at any of its addresses, says of each what was wrong', async () => {
    const addresses = [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    const lookup = (_: string, __: unknown, found: (error: null, all: typeof addresses) => void) =>
      found(null, addresses);
    await cluster.close();
    cluster = client({ endpoint: { ...server.endpoint, server: 'http://api.test:1', tls: { lookup } as object } });

    await expect(cluster.get(configMaps, a)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringMatching(/127\.0\.0\.1:1.*127\.0\.0\.2:1/) as string,
    });
  });

  it('for want of credentials, nothing was carried out either', async () => {
    const authorize = async () => Promise.reject(new Error('the credential plugin failed'));
    await cluster.close();
    cluster = client({ endpoint: { ...server.endpoint, authorize } });

    const creating = cluster.create(configMaps, configMap('a'));

    await expect(creating).rejects.toMatchObject({ code: 0, reason: 'Unreachable', outcomeUnknown: false });
    expect(server.requests).toEqual([]);
  });
});

describe('when the answer is missing, the outcome is unknown', () => {
  async function waitShortly(): Promise<void> {
    await cluster.close();
    cluster = client({ timeoutMs: 100 });
  }

  it('because the server took the request and kept silent', async () => {
    await waitShortly();
    server.answer(silence);

    await expect(cluster.create(configMaps, configMap('a'))).rejects.toMatchObject({
      code: 0,
      reason: 'Timeout',
      outcomeUnknown: true,
    });
  });

  it('because its body never came to an end', async () => {
    await waitShortly();
    server.answer((response) => void response.writeHead(200).write('{"metadata":'));

    await expect(cluster.get(configMaps, a)).rejects.toMatchObject({ reason: 'Timeout', outcomeUnknown: true });
  });

  it.each([
    ['before it', (response: { destroy(): void }) => response.destroy()],
    [
      'in its middle',
      (response: Parameters<typeof silence>[0]) =>
        void response.writeHead(200, { 'content-length': 100 }).write('{"meta', () => response.destroy()),
    ],
  ])('because the connection was cut %s', async (_, answer) => {
    server.answer(answer);

    await expect(cluster.create(configMaps, configMap('a'))).rejects.toMatchObject({
      code: 0,
      reason: 'ConnectionLost',
      outcomeUnknown: true,
    });
  });
});

it("ends with the signal's reason when that aborts a request or a watch", async () => {
  const stop = new AbortController();
  server.answer(silence);
  const getting = cluster.get(configMaps, a, { signal: stop.signal });
  const watching = collected(watch('7', stop.signal));
  const both = Promise.allSettled([getting, watching]);
  await eventually(() => server.requests.length === 2, { what: 'both requests', timeoutMs: 1000, intervalMs: 5 });

  stop.abort(new Error('stopping'));

  expect((await both).map((each) => each.status === 'rejected' && each.reason)).toEqual([
    new Error('stopping'),
    new Error('stopping'),
  ]);
});

describe('a list', () => {
  const page = (names: string[], next?: string) =>
    json(200, {
      metadata: { resourceVersion: '100', ...(next && { continue: next }) },
      items: names.map((name) => configMap(name, { managedFields: [] })),
    });

  it('goes through all pages, and names the kind that items lack', async () => {
    server.answer(page(['a', 'b'], 'token-1'), page(['c'], 'token-2'), page(['d']));

    const { items, resourceVersion } = await cluster.list(configMaps, { namespace: 'ns', labelSelector: 'app=web' });

    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd']);
    expect(items[0]).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'ns', name: 'a' } });
    expect(resourceVersion).toBe('100');
    expect(server.requests.map(({ query }) => Object.fromEntries(query))).toEqual([
      { labelSelector: 'app=web', limit: '500' },
      { labelSelector: 'app=web', limit: '500', continue: 'token-1' },
      { labelSelector: 'app=web', limit: '500', continue: 'token-2' },
    ]);
  });

  it('begins again in one piece when its snapshot went away between two pages', async () => {
    const gone = json(410, { kind: 'Status', code: 410, reason: 'Expired', message: 'the continue token is too old' });
    server.answer(page(['old'], 'token-1'), gone, page(['a', 'b', 'c']));

    const { items } = await cluster.list(configMaps);

    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
    expect(server.requests.at(-1)?.query.has('limit')).toBe(false);
    expect(server.requests.at(-1)?.query.has('continue')).toBe(false);
  });
});

describe('a watch', () => {
  const event = (name: string, resourceVersion: string) => ({
    type: 'ADDED' as const,
    object: configMap(name, { resourceVersion }),
  });

  it('goes on from the version it is given, with bookmarks, for five to ten minutes', async () => {
    server.answer(watchLines([], 'end'));

    await collected(watch('7'));

    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '7',
      timeoutSeconds: '450',
    });
  });

  it('gives events without their managed fields, and ends when the server ends it', async () => {
    const bulky = { type: 'ADDED', object: configMap('a', { resourceVersion: '8', managedFields: [] }) };
    server.answer(watchLines([bulky, event('b', '9')], 'end'));

    expect(await collected(watch())).toEqual([event('a', '8'), event('b', '9')]);
  });

  it('gives what came before the connection was cut, then fails', async () => {
    const events: unknown[] = [];
    server.answer(watchLines([event('a', '8')], 'cut'));

    const watching = (async () => {
      for await (const each of watch()) events.push(each);
    })();

    await expect(watching).rejects.toMatchObject({ name: 'ApiError', reason: 'ConnectionLost' });
    expect(events).toEqual([event('a', '8')]);
  });

  it.each([
    ['at once', json(410, { kind: 'Status', code: 410, reason: 'Expired' })],
    ['in its stream', watchLines([{ type: 'ERROR', object: { code: 410, reason: 'Expired', metadata: {} } }])],
  ])('fails as expired when its version is too old, said %s', async (_, answer) => {
    server.answer(answer);

    await expect(collected(watch())).rejects.toMatchObject({ code: 410, reason: 'Expired' });
  });

  it('fails when the server asks to be left alone', async () => {
    server.answer(json(429, { kind: 'Status', reason: 'TooManyRequests' }, { 'retry-after': '2' }));

    await expect(collected(watch())).rejects.toMatchObject({ code: 429, retryAfterSeconds: 2 });
  });

  it('lets go of its connection when nobody reads on', async () => {
    server.answer(watchLines([event('a', '8')]));

    for await (const _ of watch()) break;

    await eventually(() => server.connections.open === 0, { what: 'the connection to close', timeoutMs: 1000 });
  });

  it('does not stand in the way of calls, however many there are', async () => {
    const stop = new AbortController();
    server.answer((response, request) =>
      (request.query.has('watch') ? watchLines([]) : json(200, configMap('a')))(response, request),
    );
    const watches = Promise.allSettled(Array.from({ length: 40 }, async () => collected(watch('7', stop.signal))));
    await eventually(() => server.requests.length === 40, { what: 'all watches', timeoutMs: 2000, intervalMs: 5 });

    await expect(cluster.get(configMaps, a)).resolves.toBeDefined();

    stop.abort();
    await watches;
  });
});
