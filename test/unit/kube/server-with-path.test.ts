import { afterEach, beforeEach, expect, it } from 'vitest';
import { type ConfigMap, configMaps } from '../../../src/kube/core-resources.ts';
import { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { json, type ScriptedApiServer, startScriptedApiServer, watchLines } from '../support/scripted-api-server.ts';

let server: ScriptedApiServer;
let cluster: HttpCluster;
const rancher = '/k8s/clusters/c-m-abc';
const a: ConfigMap = { metadata: { namespace: 'ns', name: 'a' } };

beforeEach(async () => {
  server = await startScriptedApiServer();
  const { endpoint } = server;
  cluster = new HttpCluster({ endpoint: { ...endpoint, server: endpoint.server + rancher }, random: () => 0.5 });
});

afterEach(async () => {
  await cluster.close();
  await server.close();
});

it('an API server below a path, as Rancher gives one, is asked there', async () => {
  const event = { type: 'ADDED', object: a };
  server.answer(json(200, a), json(200, { items: [], metadata: { resourceVersion: '7' } }), watchLines([event], 'end'));

  await cluster.get(configMaps, a.metadata);
  await cluster.list(configMaps, { namespace: 'ns' });
  const events = cluster.watch(configMaps, {
    namespace: 'ns',
    resourceVersion: '7',
    signal: new AbortController().signal,
  });
  for await (const seen of events) expect(seen).toEqual(event);

  const all = `${rancher}/api/v1/namespaces/ns/configmaps`;
  expect(server.requests.map(({ path }) => path)).toEqual([`${all}/a`, all, all]);
});
