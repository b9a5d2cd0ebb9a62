import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { callPriority, GuestAgent } from '../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { NotConnectedError } from '../../../src/libvirt/errors.ts';
import { guestPing } from '../../../src/qga/commands.ts';
import { AgentError } from '../../../src/qga/errors.ts';
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
  const hypervisor = {
    info: () => undefined,
    agentCommand: () => called('{"return":{}}'),
    fsThaw: () => called(1),
  } as unknown as Hypervisor;
  const agent = new GuestAgent(hypervisor, 'uuid');
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

it('takes a guest that was saved to disk for one that goes on, and one that is off for gone', async () => {
  const off = { ...aDomain, state: 'shutoff' as const };
  const domains = [{ ...off, saved: true }, off];
  const hypervisor = { domain: async () => domains.shift() } as Partial<Hypervisor> as Hypervisor;
  const agent = new GuestAgent(hypervisor, 'uuid');
  const notRunning = new AgentError('NotRunning', 'NotSent', true, 'domain is not running');

  expect(await agent.isGone(notRunning, new AbortController().signal)).toBe(false);
  expect(await agent.isGone(notRunning, new AbortController().signal)).toBe(true);
});
