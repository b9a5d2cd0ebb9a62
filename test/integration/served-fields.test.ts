import { afterAll, beforeAll, expect, it } from 'vitest';
import { kinds } from '../../src/api/kinds.ts';
import { fieldsNotServed, type PublishedSchemas } from '../../src/cli/doctor/missing-fields.ts';
import type { HttpCluster } from '../../src/kube/http-cluster.ts';
import { sharedCluster } from '../harness/fixtures.ts';
import { connect } from './kube/support.ts';

let cluster: HttpCluster;
const { signal } = new AbortController();

beforeAll(async () => {
  cluster = await connect(sharedCluster().kubeconfig);
});
afterAll(async () => cluster.close());

it('finds every field of every kind with an API server that has the CRDs of this version', async () => {
  const missing = await fieldsNotServed(cluster, signal);

  expect(Object.fromEntries(missing)).toEqual(Object.fromEntries(kinds.map(({ resource }) => [resource.plural, []])));
});

it('names what the CRDs of an earlier version have not', async () => {
  const earlier = {
    async read<T>(path: string): Promise<T> {
      const published = await cluster.read<PublishedSchemas>(path, { signal });
      for (const schema of Object.values(published.components?.schemas ?? {})) {
        delete schema.properties?.['status']?.properties?.['freeze'];
      }
      return published as T;
    },
  };

  const missing = await fieldsNotServed(earlier, signal);

  expect(missing.get('guesttasks')).toEqual(['status.freeze']);
});
