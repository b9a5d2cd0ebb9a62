import { beforeEach, describe, expect, it } from 'vitest';
import { WorkQueue } from '../../../src/kube/work-queue.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';

let clock: FakeClock;
let queue: WorkQueue;

beforeEach(() => {
  clock = new FakeClock();
  queue = new WorkQueue({ clock, firstRetryMs: 5, longestRetryMs: 1000 });
});

/** What is handed out now, without waiting. */
async function taken(): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) keys.push((await queue.take()) ?? 'closed');
  return keys;
}

it('hands out keys in the order they came, each once however often it was added', async () => {
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);

  expect(queue.length).toBe(3);
  expect(await taken()).toEqual(['a', 'b', 'c']);
});

it('hands a key to whoever waited first', async () => {
  const first = queue.take();
  const second = queue.take();

  queue.add('a');
  queue.add('b');

  expect(await Promise.all([first, second])).toEqual(['a', 'b']);
});

describe('a key that is being worked on', () => {
  it('is not handed out again, but once more when it is done', async () => {
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);

    queue.done('a');

    expect(await taken()).toEqual(['a']);
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  it('stays with its worker while others wait', async () => {
    const seen: (string | undefined)[] = [];
    queue.add('a');
    await queue.take();
    void queue.take().then((key) => seen.push(key));

    queue.add('a');
    await settled();
    expect(seen).toEqual([]);

    queue.done('a');
    await settled();
    expect(seen).toEqual(['a']);
  });

  it('waits anew when its delay ends meanwhile', async () => {
    queue.add('a');
    await queue.take();
    queue.addAfter('a', 10);
    await clock.advance(10);
    expect(queue.length).toBe(0);

    queue.done('a');

    expect(queue.length).toBe(1);
  });
});

describe('a delayed key', () => {
  it('comes at the earliest of the times that were wished for', async () => {
    queue.addAfter('a', 100);
    queue.addAfter('a', 30);
    queue.addAfter('a', 60);

    await clock.advance(29);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await taken()).toEqual(['a']);
    queue.done('a');
    await clock.advance(1000);
    expect(queue.length).toBe(0);
  });

  it('does not come a second time when it was added at once meanwhile', async () => {
    queue.addAfter('a', 30);
    queue.add('a');
    await taken();
    queue.done('a');

    await clock.advance(1000);

    expect(queue.length).toBe(0);
  });

  it('comes at once without a delay', () => {
    queue.addAfter('a', 0);

    expect(queue.length).toBe(1);
  });
});

describe('a key that fails', () => {
  it('waits twice as long each time, up to the longest wait', () => {
    const waits = Array.from({ length: 10 }, () => queue.addRateLimited('a'));

    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
  });

  it('waits short again once it was forgotten, and never because another failed', () => {
    for (let i = 0; i < 5; i++) queue.addRateLimited('a');

    expect(queue.addRateLimited('b')).toBe(5);
    queue.forget('a');
    expect(queue.addRateLimited('a')).toBe(5);
  });
});

describe('closing', () => {
  it('wakes who waits, with nothing', async () => {
    const takers = [queue.take(), queue.take()];

    queue.close();

    expect(await Promise.all(takers)).toEqual([undefined, undefined]);
    expect(await queue.take()).toBeUndefined();
  });

  it('hands out nothing more, whatever waits, is delayed, or is added', async () => {
    queue.add('working');
    await queue.take();
    queue.add('working');
    queue.add('waiting');
    queue.addAfter('delayed', 10);

    queue.close();
    queue.done('working');
    queue.add('late');
    queue.addAfter('late', 1);
    await clock.advance(100);

    expect(queue.length).toBe(0);
    expect(await queue.take()).toBeUndefined();
    expect(clock.waiting).toBe(0);
  });
});
