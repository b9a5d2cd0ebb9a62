import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { callPriority, GuestAgent } from '../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { realClock } from '../../../src/libvirt/clock.ts';
import { NotConnectedError } from '../../../src/libvirt/errors.ts';
import { LanePool } from '../../../src/libvirt/lane-pool.ts';
import { guestInfo, guestPing } from '../../../src/qga/commands.ts';
import { AgentError } from '../../../src/qga/errors.ts';
import { testUri } from '../libvirt/test-driver.ts';
import { aDomain } from '../support/a-domain.ts';

const withdrawn = new Error('nobody waits for it any more');

/** A guest whose agent answers each call when it is told to. */
function setUp() {
  const calls: PromiseWithResolvers<unknown>[] = [];
  const called = <T>(answer: T) => {
    const call = Promise.withResolvers<unknown>();
    calls.push(call);
    return call.promise.then(() => answer);
  };
  const hypervisor: Pick<Hypervisor, 'info' | 'agentCommand' | 'fsThaw'> = {
    info: () => undefined,
    async agentCommand(_uuid, _command, { beforeSent }) {
      await beforeSent?.();
      return await called('{"return":{}}');
    },
    fsThaw: () => called(1),
  };
  const agent = new GuestAgent(hypervisor as Hypervisor, 'uuid');
  const ping = (signal?: AbortSignal) => agent.call(guestPing, {}, { priority: callPriority.action, signal });
  return { agent, calls, ping };
}

it('sends one call at a time, what is more urgent first', async () => {
  const { agent, calls, ping } = setUp();
  const first = ping();
  const second = ping();
  const thaw = agent.thaw({});
  await setImmediate();
  expect(calls).toHaveLength(1);

  calls[0]?.resolve(undefined);
  await first;
  await setImmediate();
  calls[1]?.resolve(undefined);
  expect(await thaw).toBe(1);
  await setImmediate();
  calls[2]?.resolve(undefined);
  await second;
});

it('sends no other call, nor touches the guest, beside one that is on its way though nobody waits for it', async () => {
  const { agent, calls, ping } = setUp();
  const withdraw = new AbortController();
  const first = ping(withdraw.signal);
  const thaw = agent.thaw({});
  const touched = agent.undisturbed(async () => calls.length);
  await setImmediate();

  withdraw.abort(withdrawn);

  await expect(first).rejects.toBe(withdrawn);
  await setImmediate();
  expect(calls).toHaveLength(1);

  calls[0]?.reject(new Error('it did not answer'));
  await setImmediate();
  calls[1]?.resolve(undefined);
  expect(await thaw).toBe(1);
  expect(await touched).toBe(2);
});

it('does not send what nobody waits for when its turn comes', async () => {
  const { calls, ping } = setUp();
  const withdraw = new AbortController();
  const first = ping();
  const second = ping(withdraw.signal);

  withdraw.abort(withdrawn);

  await expect(second).rejects.toBe(withdrawn);
  await expect(ping(withdraw.signal)).rejects.toBe(withdrawn);
  calls[0]?.resolve(undefined);
  await first;
  await setImmediate();
  expect(calls).toHaveLength(1);
});

it('takes no guest for gone of which libvirt, being away itself, can say nothing', async () => {
  const away = new NotConnectedError('no connection to libvirtd');
  const hypervisor = { domain: async () => Promise.reject(away) } as unknown as Hypervisor;
  const agent = new GuestAgent(hypervisor, 'uuid');
  const notRunning = new AgentError('NotRunning', 'NotSent', true, 'domain is not running');

  expect(await agent.isGone(notRunning, new AbortController().signal)).toBe(false);
});

describe('on a host whose lanes are all taken by other guests', () => {
  const pools: LanePool[] = [];
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close();
  });

  /** The one common lane of the host is taken until `free` is called. */
  async function setUpTaken() {
    const keepAlive = { intervalSeconds: 5, count: 3 };
    const pool = new LanePool({
      uri: testUri,
      lanes: 1,
      urgentLanes: 1,
      keepAlive,
      openTimeoutMs: 5000,
      clock: realClock,
    });
    pools.push(pool);
    const sent: string[] = [];
    const hypervisor: Pick<Hypervisor, 'info' | 'agentCommand' | 'fsThaw'> = {
      info: () => undefined,
      agentCommand: async (uuid, command, { signal }) => {
        const send = async () => void sent.push(JSON.parse(command).execute);
        await pool.run(uuid, send, { signal });
        return '{"return":{}}';
      },
      fsThaw: async (uuid, { signal }) => {
        await pool.run(uuid, async () => void sent.push('thaw'), { signal, urgent: true });
        return 1;
      },
    };
    const agent = new GuestAgent(hypervisor as Hypervisor, 'uuid');
    const taken = Promise.withResolvers<void>();
    const { promise: until, resolve: free } = Promise.withResolvers<void>();
    const slow = pool.run('other', async () => {
      taken.resolve();
      await until;
    });
    await taken.promise;
    return { agent, sent, free: () => (free(), slow) };
  }

  it('sends a thaw at once, and what waited for a lane after it, as if it had waited longer', async () => {
    const { agent, sent, free } = await setUpTaken();
    const asked = agent.call(guestPing, {}, { priority: callPriority.status });
    await setImmediate();

    expect(await agent.thaw({})).toBe(1);
    expect(await agent.thaw({})).toBe(1);

    expect(sent).toEqual(['thaw', 'thaw']);
    await free();
    await asked;
    expect(sent).toEqual(['thaw', 'thaw', 'guest-ping']);
  });

  it('gives up what is worth sending only until then, as not sent, and gives its turn to the next', async () => {
    const { agent, sent, free } = await setUpTaken();
    const tooLate = new AbortController();
    const options = { priority: callPriority.status, unlessSent: tooLate.signal };
    const waitsForLane = agent.call(guestPing, {}, options);
    const waitsForTurn = agent.call(guestPing, {}, options);
    const next = agent.call(guestInfo, {}, { priority: callPriority.status });
    await setImmediate();

    tooLate.abort(withdrawn);

    await expect(waitsForLane).rejects.toBe(withdrawn);
    await expect(waitsForTurn).rejects.toBe(withdrawn);
    await expect(agent.call(guestPing, {}, options)).rejects.toBe(withdrawn);
    await free();
    await next.catch(() => {});
    expect(sent).toEqual(['guest-info']);
  });
});

it('waits for the answer of what is on its way, though it would not be worth sending any more', async () => {
  const { agent, calls } = setUp();
  const tooLate = new AbortController();
  const asked = agent.call(guestPing, {}, { priority: callPriority.status, unlessSent: tooLate.signal });
  const thaw = agent.thaw({});
  await setImmediate();

  tooLate.abort(withdrawn);
  await setImmediate();
  expect(calls).toHaveLength(1);

  calls[0]?.resolve(undefined);
  await asked;
  await setImmediate();
  calls[1]?.resolve(undefined);
  expect(await thaw).toBe(1);
});

it('takes a guest that was saved to disk for one that goes on, and one that is off for gone', async () => {
  const off = { ...aDomain, state: 'shutoff' as const };
  const domains = [{ ...off, saved: true }, off];
  const hypervisor = { domain: async () => domains.shift() } as Partial<Hypervisor> as Hypervisor;
  const agent = new GuestAgent(hypervisor, 'uuid');
  const notRunning = new AgentError('NotRunning', 'NotSent', true, 'domain is not running');

  expect(await agent.isGone(notRunning, new AbortController().signal)).toBe(false);
  expect(await agent.isGone(notRunning, new AbortController().signal)).toBe(true);
});

describe('what is to be done right before a call is sent', () => {
  it('is done when the call has its turn, and before it is sent', async () => {
    const { agent, calls, ping } = setUp();
    const done: string[] = [];
    const first = ping();
    const beforeSent = () => void done.push(`before call ${calls.length + 1}`);
    const second = agent.call(guestPing, {}, { priority: callPriority.action, beforeSent });
    await setImmediate();
    expect(done).toEqual([]);

    calls[0]?.resolve(undefined);
    await first;
    await setImmediate();

    expect(done).toEqual(['before call 2']);
    calls[1]?.resolve(undefined);
    await second;
  });

  it('keeps the call from being sent where it fails', async () => {
    const { agent, calls } = setUp();
    const full = new Error('the disk is full');
    const beforeSent = async () => Promise.reject(full);

    await expect(agent.call(guestPing, {}, { priority: callPriority.action, beforeSent })).rejects.toBe(full);

    expect(calls).toEqual([]);
  });

  it('leaves time to give up the call', async () => {
    const { agent, calls } = setUp();
    const withdraw = new AbortController();
    const beforeSent = () => withdraw.abort(withdrawn);
    const options = { priority: callPriority.action, unlessSent: withdraw.signal, beforeSent };

    await expect(agent.call(guestPing, {}, options)).rejects.toBe(withdrawn);

    expect(calls).toEqual([]);
  });
});
