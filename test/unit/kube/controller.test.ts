import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Controller, type ControllerOptions, type ReconcileResult } from '../../../src/kube/controller.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { silentLogger } from '../../../src/observability/log.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

let clock: FakeClock;
let stop: AbortController;
let results: ReconcileResult[];
let running: Promise<void>;

beforeEach(() => {
  clock = new FakeClock();
  stop = new AbortController();
  results = [];
});

afterEach(async () => {
  stop.abort();
  await running;
});

function start(reconcile: ControllerOptions['reconcile'], options: Partial<ControllerOptions> = {}): Controller {
  const controller = new Controller({
    name: 'test',
    concurrency: 4,
    keys: () => [],
    reconcile,
    clock,
    logger: silentLogger,
    onReconciled: (_, result) => results.push(result),
    ...options,
  });
  running = controller.run(stop.signal);
  return controller;
}

describe('when reconciling', () => {
  it('fails, tries again after a growing wait, and short again after it fared well', async () => {
    const tries: number[] = [];
    const failing = new Set([1, 2, 3, 5]);
    const { logger, lines } = recordingLogger();
    const controller = start(
      async () => {
        tries.push(clock.monotonic());
        if (failing.has(tries.length)) throw new Error('not yet');
      },
      { logger },
    );

    controller.enqueue('a');
    await clock.advance(1000);
    controller.enqueue('a');
    await clock.advance(1000);

    expect(tries).toEqual([0, 5, 15, 35, 1000, 1005]);
    expect(results).toEqual(['error', 'error', 'error', 'success', 'error', 'success']);
    expect(lines[0]).toMatchObject({ level: 'error', fields: { controller: 'test', key: 'a', waitMs: 5 } });
  });

  it('meets a conflict, tries again soon and says nothing', async () => {
    const tries: number[] = [];
    const { logger, lines } = recordingLogger();
    const controller = start(
      async () => {
        tries.push(clock.monotonic());
        if (tries.length < 3) throw new ApiError(409, 'Conflict', 'the object has been modified');
      },
      { logger },
    );

    controller.enqueue('a');
    await clock.advance(100);

    expect(tries).toEqual([0, 5, 15]);
    expect(results).toEqual(['conflict', 'conflict', 'success']);
    expect(lines).toEqual([]);
  });

  it('meets nothing but conflicts, as while the cache stands still, tries ever more rarely', async () => {
    let tries = 0;
    const controller = start(async () => {
      tries++;
      throw new ApiError(409, 'Conflict', 'the object has been modified');
    });

    controller.enqueue('a');
    await clock.advance(30_000);

    expect(tries).toBeLessThan(20);
  });

  it('asks to come back later, comes back then', async () => {
    const tries: number[] = [];
    const controller = start(async () => {
      tries.push(clock.monotonic());
      return tries.length === 1 ? { requeueAfterMs: 60_000 } : {};
    });

    controller.enqueue('a');
    await clock.advance(59_999);
    expect(tries).toEqual([0]);
    await clock.advance(600_000);

    expect(tries).toEqual([0, 60_000]);
    expect(results).toEqual(['requeue_after', 'success']);
  });

  it('takes too long, is told to stop and tries again', async () => {
    const reasons: unknown[] = [];
    const controller = start(
      async (_, signal) => {
        await clock.sleep(60_000, signal).catch((error: unknown) => {
          reasons.push(error);
          throw error;
        });
      },
      { timeoutMs: 1000 },
    );

    controller.enqueue('a');
    await clock.advance(1000);

    expect(reasons).toEqual([new Error('reconciling took over 1000 ms')]);
    expect(results).toEqual(['error']);
    expect(stop.signal.aborted).toBe(false);
  });
});

it('begins with a look at all there is then, and misses nothing that comes up meanwhile', async () => {
  const there = new Set(['a', 'gone']);
  const looked: string[] = [];
  const controller: Controller = new Controller({
    name: 'test',
    concurrency: 1,
    keys: function* () {
      for (const key of there) {
        yield key;
        // As another controller that began sooner would.
        controller.enqueue('late');
      }
    },
    reconcile: async (key) => void looked.push(key),
    clock,
    logger: silentLogger,
  });
  controller.enqueue('gone');
  controller.enqueueAfter('gone', 10);
  there.delete('gone');
  await clock.advance(100);

  running = controller.run(stop.signal);
  await clock.advance(100);

  expect(looked).toEqual(['a', 'late']);
});

it('never works on one key twice at once, and misses no change that comes meanwhile', async () => {
  const working = new Set<string>();
  const finished: string[] = [];
  let together = 0;
  const controller = start(async (key, signal) => {
    expect(working.has(key)).toBe(false);
    working.add(key);
    together = Math.max(together, working.size);
    await clock.sleep(100, signal);
    working.delete(key);
    finished.push(key);
  });

  for (const key of ['a', 'b', 'a']) controller.enqueue(key);
  await clock.advance(50);
  controller.enqueue('a');
  controller.enqueue('a');
  await clock.advance(1000);

  expect(together).toBe(2);
  expect(finished.toSorted()).toEqual(['a', 'a', 'b']);
});

it('works on no more keys at once than its concurrency', async () => {
  let working = 0;
  let most = 0;
  const controller = start(
    async () => {
      most = Math.max(most, ++working);
      await clock.sleep(10);
      working--;
    },
    { concurrency: 3 },
  );

  for (let i = 0; i < 10; i++) controller.enqueue(`key-${i}`);
  await clock.advance(5);
  expect(controller.queueLength).toBe(7);
  await clock.advance(100);

  expect(most).toBe(3);
  expect(results).toHaveLength(10);
});

it('lets what is under way come to its end when it is stopped, and begins nothing more', async () => {
  const finished: string[] = [];
  let ended = false;
  const controller = start(
    async (key) => {
      await clock.sleep(100);
      finished.push(key);
      return { requeueAfterMs: 1 };
    },
    { concurrency: 1 },
  );
  void running.then(() => (ended = true));
  controller.enqueue('under way');
  controller.enqueue('waiting');
  await clock.advance(50);

  stop.abort();
  await settled();
  expect(ended).toBe(false);
  await clock.advance(1000);

  expect(ended).toBe(true);
  expect(finished).toEqual(['under way']);
  expect(clock.waiting).toBe(0);
});

it('ends at once under a signal that has aborted already', async () => {
  stop.abort();
  start(async () => {});

  await expect(running).resolves.toBeUndefined();
});
