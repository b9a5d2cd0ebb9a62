import { afterEach, describe, expect, test } from 'vitest';
import { realClock } from '../../../src/libvirt/clock.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { type LaneCallOptions, LanePool } from '../../../src/libvirt/lane-pool.ts';
import { testUri } from './test-driver.ts';

const pools: LanePool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

function openPool(lanes: number, { uri = testUri, urgentLanes = 0 } = {}): LanePool {
  const keepAlive = { intervalSeconds: 5, count: 3 };
  const pool = new LanePool({ uri, lanes, urgentLanes, keepAlive, openTimeoutMs: 5000, clock: realClock });
  pools.push(pool);
  return pool;
}

/** Calls that last until the test ends them. */
function longCalls(pool: LanePool) {
  const running = new Map<string, (error?: Error) => void>();
  return {
    /** Of which guests a call runs now. */
    guests: () => [...running.keys()].toSorted(),
    begin: (guest: string, options?: LaneCallOptions) =>
      pool.run(
        guest,
        () =>
          new Promise<void>((resolve, reject) => {
            running.set(guest, (error) => {
              running.delete(guest);
              if (error) reject(error);
              else resolve();
            });
          }),
        options,
      ),
    end: (guest: string, error?: Error) => running.get(guest)?.(error),
  };
}

async function hang(pool: LanePool, guest: string, code: number = virErrorNumber.AGENT_UNRESPONSIVE): Promise<void> {
  const error = new LibvirtError({ code, domain: 10, level: 2, message: 'no answer' });
  await expect(pool.run(guest, () => Promise.reject(error))).rejects.toBe(error);
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('a lane pool', () => {
  test('runs as many calls as it has lanes, and the next in line when one ends', async () => {
    const pool = openPool(2);
    const calls = longCalls(pool);
    const begun = ['a', 'b', 'c', 'd'].map((guest) => calls.begin(guest));
    await expect.poll(calls.guests).toEqual(['a', 'b']);
    await settled();
    expect(calls.guests()).toEqual(['a', 'b']);

    calls.end('a');
    await expect.poll(calls.guests).toEqual(['b', 'c']);

    for (const guest of ['b', 'c']) calls.end(guest);
    await expect.poll(calls.guests).toEqual(['d']);
    calls.end('d');
    await Promise.all(begun);
  });

  test('keeps half of the lanes for the others while calls are made that may take long', async () => {
    const pool = openPool(6);
    const calls = longCalls(pool);
    const trims = ['t1', 't2', 't3', 't4'].map((guest) => calls.begin(guest, { long: true }));
    const begun = ['ok1', 'ok2', 'ok3'].map((guest) => calls.begin(guest));

    await expect.poll(calls.guests).toEqual(['ok1', 'ok2', 'ok3', 't1', 't2']);

    for (const guest of calls.guests()) calls.end(guest);
    await expect.poll(calls.guests).toEqual(['t3', 't4']);
    for (const guest of ['t3', 't4']) calls.end(guest);
    await Promise.all([...trims, ...begun]);
  });

  test('leaves a lane to guests that hung, however many calls may take long', async () => {
    const pool = openPool(4);
    for (const guest of ['h1', 'h2']) await hang(pool, guest);
    const calls = longCalls(pool);
    const begun = ['t1', 't2', 't3'].map((guest) => calls.begin(guest, { long: true }));

    begun.push(...['h1', 'h2'].map((guest) => calls.begin(guest)));

    await expect.poll(calls.guests).toEqual(['h1', 't1']);
    calls.end('h1');
    await expect.poll(calls.guests).toEqual(['h2', 't1']);
    for (const trim of ['t1', 't2', 't3']) {
      calls.end(trim);
      await settled();
    }
    calls.end('h2');
    await Promise.all(begun);
  });

  test('has a lane for an urgent call though all others are taken, by a call to its own guest, too', async () => {
    const pool = openPool(2, { urgentLanes: 1 });
    const calls = longCalls(pool);
    const begun = ['a', 'b', 'c'].map((guest) => calls.begin(guest));
    await expect.poll(calls.guests).toEqual(['a', 'b']);

    expect(await pool.run('a', async () => 'thawed', { urgent: true })).toBe('thawed');

    expect(calls.guests()).toEqual(['a', 'b']);
    for (const guest of ['a', 'b']) calls.end(guest);
    await expect.poll(calls.guests).toEqual(['c']);
    calls.end('c');
    await Promise.all(begun);
  });

  test('lets no urgent call wait for those to guests that hang, whichever call has met with that', async () => {
    const pool = openPool(4, { urgentLanes: 2 });
    const hung = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
    for (const guest of hung) await hang(pool, guest);
    const calls = longCalls(pool);
    const begun = hung.map((guest) => calls.begin(guest, { urgent: true }));
    await expect.poll(calls.guests).toEqual(['h1', 'h2', 'h3']);

    begun.push(...['ok1', 'ok2', 'ok3'].map((guest) => calls.begin(guest, { urgent: true })));

    await expect.poll(calls.guests).toEqual(['h1', 'h2', 'h3', 'ok1', 'ok2', 'ok3']);
    for (const guest of calls.guests()) calls.end(guest);
    await expect.poll(calls.guests).toEqual(['h4', 'h5', 'h6']);
    for (const guest of calls.guests()) calls.end(guest);
    await Promise.all(begun);
  });

  test('takes urgent calls in their order, before those that have waited for longer', async () => {
    const pool = openPool(1, { urgentLanes: 1 });
    const calls = longCalls(pool);
    const begun = [calls.begin('a'), calls.begin('b')];
    begun.push(...['u1', 'u2', 'u3'].map((guest) => calls.begin(guest, { urgent: true })));
    await expect.poll(calls.guests).toEqual(['a', 'u1']);

    calls.end('a');
    await expect.poll(calls.guests).toEqual(['u1', 'u2']);
    calls.end('u1');
    await expect.poll(calls.guests).toEqual(['u2', 'u3']);
    calls.end('u2');
    await expect.poll(calls.guests).toEqual(['b', 'u3']);

    for (const guest of ['b', 'u3']) calls.end(guest);
    await Promise.all(begun);
  });

  test('sends a guest one call at a time, and lets others pass the ones that wait', async () => {
    const pool = openPool(3);
    const calls = longCalls(pool);
    const first = calls.begin('a');
    let began = false;
    const second = pool.run('a', async () => {
      began = true;
    });
    const other = calls.begin('b');
    await expect.poll(calls.guests).toEqual(['a', 'b']);
    await settled();
    expect(began).toBe(false);

    calls.end('a');
    await Promise.all([first, second]);

    expect(began).toBe(true);
    calls.end('b');
    await other;
  });

  test.each([
    ['AGENT_UNRESPONSIVE', virErrorNumber.AGENT_UNRESPONSIVE],
    ['AGENT_COMMAND_TIMEOUT', virErrorNumber.AGENT_COMMAND_TIMEOUT],
    ['OPERATION_TIMEOUT', virErrorNumber.OPERATION_TIMEOUT],
  ])('keeps half of the lanes for the others when guests ended in %s', async (_, code) => {
    const pool = openPool(4);
    const hung = ['h1', 'h2', 'h3', 'h4'];
    for (const guest of hung) await hang(pool, guest, code);
    const calls = longCalls(pool);
    const begun = [...hung, 'ok1', 'ok2'].map((guest) => calls.begin(guest));

    await expect.poll(calls.guests).toEqual(['h1', 'h2', 'ok1', 'ok2']);

    calls.end('ok1');
    await settled();
    expect(calls.guests()).toEqual(['h1', 'h2', 'ok2']);
    for (const guest of hung.slice(0, 2)) calls.end(guest);
    await expect.poll(calls.guests).toEqual(['h3', 'h4', 'ok2']);
    for (const guest of calls.guests()) calls.end(guest);
    await Promise.all(begun);
  });

  test('trusts a guest again after a call that it answered', async () => {
    const pool = openPool(2);
    for (const guest of ['h1', 'h2']) await hang(pool, guest);
    await pool.run('h1', async () => 'pong');
    const calls = longCalls(pool);

    const begun = ['h1', 'h2'].map((guest) => calls.begin(guest));

    await expect.poll(calls.guests).toEqual(['h1', 'h2']);
    for (const guest of ['h1', 'h2']) calls.end(guest);
    await Promise.all(begun);
  });

  test('does not blame a guest for a lost connection', async () => {
    const pool = openPool(2);
    const lost = new LibvirtError({ code: virErrorNumber.RPC, domain: 7, level: 2, message: 'EOF' }, true);
    for (const guest of ['a', 'b']) await expect(pool.run(guest, () => Promise.reject(lost))).rejects.toBe(lost);
    const calls = longCalls(pool);

    const begun = ['a', 'b'].map((guest) => calls.begin(guest));

    await expect.poll(calls.guests).toEqual(['a', 'b']);
    for (const guest of ['a', 'b']) calls.end(guest);
    await Promise.all(begun);
  });

  test("stops waiting for a lane with the signal's reason, and gives the lane to the next", async () => {
    const pool = openPool(1);
    const calls = longCalls(pool);
    const first = calls.begin('a');
    const controller = new AbortController();
    const given = calls.begin('b', { signal: controller.signal });
    const third = calls.begin('c');
    await expect.poll(calls.guests).toEqual(['a']);

    controller.abort(new Error('enough'));

    await expect(given).rejects.toThrow('enough');
    calls.end('a');
    await expect.poll(calls.guests).toEqual(['c']);
    calls.end('c');
    await Promise.all([first, third]);
  });

  test('does not abandon a call that has begun', async () => {
    const pool = openPool(1);
    const calls = longCalls(pool);
    const controller = new AbortController();
    const begun = calls.begin('a', { signal: controller.signal });
    await expect.poll(calls.guests).toEqual(['a']);

    controller.abort();
    await settled();

    expect(calls.guests()).toEqual(['a']);
    calls.end('a');
    await begun;
  });

  test('frees the lane of a call that could not connect, and says that nothing was sent', async () => {
    const pool = openPool(1, { uri: 'qemu+unix:///system?socket=/nowhere/libvirt-sock' });
    let ran = false;
    const attempt = () =>
      pool.run('a', async () => {
        ran = true;
      });

    await expect(attempt()).rejects.toThrow(NotConnectedError);
    await expect(attempt()).rejects.toThrow('connect ENOENT /nowhere/libvirt-sock');

    expect(ran).toBe(false);
  });

  test('refuses new and waiting calls once it closes, and closes when those under way have ended', async () => {
    const pool = openPool(1);
    const calls = longCalls(pool);
    const running = calls.begin('a');
    const waiting = calls.begin('b');
    await expect.poll(calls.guests).toEqual(['a']);

    let closed = false;
    async function close(): Promise<void> {
      await pool.close();
      closed = true;
    }
    const closing = close();

    await expect(waiting).rejects.toThrow(NotConnectedError);
    await expect(calls.begin('c')).rejects.toThrow(NotConnectedError);
    await settled();
    expect(closed).toBe(false);
    calls.end('a');
    await Promise.all([running, closing]);
  });

  test.each([
    [0, 0],
    [17, 0],
    [2.5, 0],
    [13, 4],
  ])('refuses %d lanes and %d urgent ones', (lanes, urgentLanes) => {
    expect(() => openPool(lanes, { urgentLanes })).toThrow(RangeError);
  });
});
