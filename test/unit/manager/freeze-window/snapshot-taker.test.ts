import { expect, it } from 'vitest';
import type { Cluster } from '../../../../src/kube/cluster.ts';
import { ApiError } from '../../../../src/kube/errors.ts';
import { SnapshotTaker } from '../../../../src/manager/freeze-window-snapshot-taker.ts';
import { aWindow } from '../objects.ts';

const never = new AbortController().signal;
const notServed = new ApiError(404, 'NotFound', 'the API server serves no volumesnapshots');
const proxied = new ApiError(404, 'HTTP404', "a proxy's page");
const window = aWindow({ volumeSnapshots: { claims: [] } } as object);

/** A taker whose API server answers one request after the other with these errors, then well. */
function takerWith(...errors: ApiError[]): SnapshotTaker {
  const answer = async () => {
    const error = errors.shift();
    if (error) throw error;
    return { items: [], resourceVersion: '1' };
  };
  return new SnapshotTaker({ list: answer, mergePatch: answer } as unknown as Cluster);
}

it('takes snapshots for not served where the API server says so', async () => {
  await expect(takerWith(notServed).areServed(window, never)).resolves.toBe(false);
});

it("asks again where a proxy's page came in place of the API server's answer", async () => {
  const taker = takerWith(proxied);

  await expect(taker.areServed(window, never)).rejects.toThrow(proxied);
  await expect(taker.areServed(window, never)).resolves.toBe(true);
});

it('calls a snapshot unmarked only where the API server refused the mark', async () => {
  const cut = { name: 'a', creationTime: '2026-01-01T12:00:00Z' };
  const status = { verdict: 'Consistent', volumeSnapshots: [cut] } as Parameters<SnapshotTaker['mark']>[1];

  await expect(takerWith(proxied).mark(window, status, never)).resolves.toEqual({
    refused: [],
    failed: [{ name: 'a', error: proxied }],
  });
  await expect(takerWith(notServed).mark(window, status, never)).resolves.toEqual({ refused: ['a'], failed: [] });
});
