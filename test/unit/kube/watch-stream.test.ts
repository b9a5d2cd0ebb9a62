import { describe, expect, it } from 'vitest';
import type { WatchEvent } from '../../../src/kube/cluster.ts';
import type { ConfigMap } from '../../../src/kube/core-resources.ts';
import { parseWatch } from '../../../src/kube/watch-stream.ts';
import { collected } from '../support/collected.ts';

const added = {
  type: 'ADDED',
  object: { metadata: { name: 'a', resourceVersion: '1' }, data: { greeting: 'Grüße 🌍' } },
};
const deleted = { type: 'DELETED', object: { metadata: { name: 'a', resourceVersion: '2' } } };
const bookmark = { type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata: { resourceVersion: '9' } } };

function lines(...frames: object[]): Uint8Array {
  return Buffer.from(frames.map((frame) => `${JSON.stringify(frame)}\n`).join(''));
}

async function parsed(...chunks: Uint8Array[]): Promise<WatchEvent<ConfigMap>[]> {
  async function* body() {
    yield* chunks;
  }
  return await collected(parseWatch<ConfigMap>(body()));
}

it('reads the same events wherever their bytes are cut, even within a character', async () => {
  const bytes = lines(added, deleted);

  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(await parsed(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual([added, deleted]);
  }
});

it('reads events that come one byte at a time', async () => {
  const single = Array.from(lines(added, deleted), (byte) => Uint8Array.of(byte));

  expect(await parsed(...single)).toEqual([added, deleted]);
});

it('reads of a bookmark the version only', async () => {
  expect(await parsed(lines(bookmark))).toEqual([{ type: 'BOOKMARK', resourceVersion: '9' }]);
});

it('passes over empty lines, and over a last line that was cut off', async () => {
  expect(await parsed(lines(added), Buffer.from('\n{"type":"MODIFIED","obj'))).toEqual([added]);
});

describe('an ERROR event', () => {
  const expired = {
    type: 'ERROR',
    object: { kind: 'Status', metadata: {}, code: 410, reason: 'Expired', message: 'too old resource version' },
  };

  it('is thrown as the error that it reports, after the events before it', async () => {
    const events: unknown[] = [];
    async function* body() {
      yield lines(added, expired, deleted);
    }

    const reading = (async () => {
      for await (const event of parseWatch<ConfigMap>(body())) events.push(event);
    })();

    await expect(reading).rejects.toMatchObject({ name: 'ApiError', code: 410, reason: 'Expired' });
    expect(events).toEqual([added]);
  });

  it('passes on how long the server asks to be left alone', async () => {
    const object = { code: 504, reason: 'Timeout', message: 'Too large resource version', metadata: {} };
    const frame = { type: 'ERROR', object: { ...object, details: { retryAfterSeconds: 7 } } };

    await expect(parsed(lines(frame))).rejects.toMatchObject({ code: 504, reason: 'Timeout', retryAfterSeconds: 7 });
  });
});

it.each([
  ['is not JSON', 'upstream connect error\n'],
  ['is no event', '{"type":"SURPRISE","object":{}}\n'],
  ['has no object', '{"type":"ADDED"}\n'],
  ['is null', 'null\n'],
])('refuses a line that %s', async (_, line) => {
  await expect(parsed(Buffer.from(line))).rejects.toMatchObject({ name: 'ApiError', reason: 'MalformedEvent' });
});
