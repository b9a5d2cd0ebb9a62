import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, expectTypeOf, test } from 'vitest';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { type Clock, realClock } from '../../../src/libvirt/clock.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import type { ConnectionNews } from '../../../src/libvirt/event-watch.ts';
import type { HypervisorEvent } from '../../../src/libvirt/hypervisor-event.ts';
import { LibvirtHypervisor, type LibvirtHypervisorOptions } from '../../../src/libvirt/libvirt-hypervisor.ts';
import { defineDomain, firstDomain, testUri } from './test-driver.ts';

const nowhere = 'qemu+unix:///system?socket=/nowhere/libvirt-sock';
const metadataUri = 'https://qga.dev/v1';
/** Told from all other waits by its length. */
const closeGraceMs = 2001;
const hypervisors: LibvirtHypervisor[] = [];

afterEach(async () => {
  for (const hypervisor of hypervisors.splice(0)) expect(await hypervisor.close(closeGraceMs)).toBe(true);
});

function create(options: Partial<LibvirtHypervisorOptions> = {}) {
  const events: HypervisorEvent[] = [];
  const hypervisor = new LibvirtHypervisor({ uri: testUri, metadataUri, ...options });
  hypervisor.subscribe((event) => events.push(event));
  hypervisors.push(hypervisor);
  return { hypervisor, events };
}

/** Sleeps that end at once, but for those that bound an attempt to connect and a close. */
function impatientClock(openTimeoutMs: number) {
  const waits: number[] = [];
  const clock: Clock = {
    monotonic: realClock.monotonic,
    async sleep(ms, signal) {
      if (ms === openTimeoutMs || ms === closeGraceMs) return realClock.sleep(ms, signal);
      waits.push(ms);
      return realClock.sleep(1, signal);
    },
  };
  return { clock, waits };
}

describe('a hypervisor', () => {
  test('is what the agent needs of one', () => {
    expectTypeOf<LibvirtHypervisor>().toExtend<Hypervisor>();
  });

  test('tells versions once it is connected', async () => {
    const { hypervisor, events } = create();
    expect(hypervisor.info()).toBeUndefined();

    await hypervisor.start();

    const version = expect.stringMatching(/^\d+\.\d+\.\d+$/);
    expect(hypervisor.info()).toEqual({ uri: testUri, libvirtVersion: version, hypervisorVersion: 'TEST 0.0.2' });
    expect(events).toEqual([{ type: 'connected' }]);
  });

  test('reads domains with their metadata', async () => {
    const metadata = `<q:guest xmlns:q="${metadataUri}" namespace="team-a"/>`;
    const off = defineDomain({ metadata });
    const { hypervisor } = create();
    await hypervisor.start();

    const domains = await hypervisor.domains();

    const expected = {
      uuid: off.uuid,
      name: off.name,
      state: 'shutoff',
      persistent: true,
      movedAway: false,
      saved: false,
      agentChannel: 'absent',
      vcpus: 3,
      memoryKiB: 65_536,
      metadataXml: expect.stringContaining('namespace="team-a"'),
    };
    expect(domains).toContainEqual(expected);
    expect(domains).toContainEqual(expect.objectContaining({ ...firstDomain, state: 'running' }));
    expect(domains.find(({ uuid }) => uuid === firstDomain.uuid)?.metadataXml).toBeUndefined();
    expect(await hypervisor.domain(off.uuid)).toEqual(expected);
    off.undefine();
  });

  test('tells a domain that was saved to disk from one that is off, until it is started again', async () => {
    const domain = defineDomain();
    const { hypervisor } = create();
    await hypervisor.start();
    const look = async () => {
      const { state, saved } = (await hypervisor.domain(domain.uuid)) ?? {};
      return { state, saved };
    };

    domain.start();
    domain.save();
    expect(await look()).toEqual({ state: 'shutoff', saved: true });
    domain.start();
    expect(await look()).toEqual({ state: 'running', saved: false });
    domain.destroy();
    expect(await look()).toEqual({ state: 'shutoff', saved: false });
    domain.undefine();
  });

  test('has no domain where libvirt has none', async () => {
    const { hypervisor } = create();
    await hypervisor.start();

    expect(await hypervisor.domain(randomUUID())).toBeUndefined();
  });

  test('answers many questions at once', async () => {
    const { hypervisor } = create();
    await hypervisor.start();

    const domains = await Promise.all(Array.from({ length: 100 }, () => hypervisor.domain(firstDomain.uuid)));

    expect(domains.map((domain) => domain?.name)).toEqual(Array.from({ length: 100 }, () => 'test'));
  });

  test('brings what happens to domains, in order', async () => {
    const { hypervisor, events } = create();
    await hypervisor.start();

    const domain = defineDomain();
    domain.start();
    domain.suspend();
    domain.resume();
    domain.destroy();
    domain.undefine();

    await expect.poll(() => events.length).toBeGreaterThan(6);
    expect(
      events.slice(1).map((event) => event.type === 'lifecycle' && event.uuid === domain.uuid && event.event),
    ).toEqual(['defined', 'started', 'suspended', 'resumed', 'stopped', 'undefined']);
  });

  test('tells that a domain’s metadata was changed while it runs', async () => {
    const domain = defineDomain();
    domain.start();
    const { hypervisor, events } = create();
    await hypervisor.start();

    domain.setMetadata(metadataUri, '<guest namespace="team-b"/>');

    await expect.poll(() => events).toContainEqual({ type: 'metadata', uuid: domain.uuid });
    expect(await hypervisor.domain(domain.uuid)).toMatchObject({
      metadataXml: expect.stringContaining('namespace="team-b"') as string,
    });
    domain.destroy();
    domain.undefine();
  });

  test('brings nothing to a listener that has gone, nor after it was closed', async () => {
    const { hypervisor, events } = create();
    const own: HypervisorEvent[] = [];
    const unsubscribe = hypervisor.subscribe((event) => own.push(event));
    await hypervisor.start();
    unsubscribe();
    defineDomain().undefine();
    await expect.poll(() => events.length).toBe(3);

    await hypervisor.close();
    defineDomain().undefine();
    await new Promise((resolve) => setTimeout(resolve, 100));

    expect(own).toEqual([{ type: 'connected' }]);
    expect(events).toHaveLength(3);
  });

  test("tells libvirt's own error of a failed agent command", async () => {
    const { hypervisor } = create();
    await hypervisor.start();

    const calls = [firstDomain.uuid, randomUUID()].map((uuid) =>
      hypervisor.agentCommand(uuid, '{}', { timeoutSeconds: 1 }),
    );
    const [unsupported, missing] = await Promise.all(calls.map((call) => call.catch((error: unknown) => error)));

    expect(unsupported).toBeInstanceOf(LibvirtError);
    expect(unsupported).toMatchObject({ code: virErrorNumber.NO_SUPPORT, level: 2, connectionLost: false });
    expect(missing).toMatchObject({ code: virErrorNumber.NO_DOMAIN, connectionLost: false });
  });

  test('does what is to be done before a call once it has found the domain, and sends nothing where that fails', async () => {
    const { hypervisor } = create();
    await hypervisor.start();
    const full = new Error('the disk is full');
    let done = 0;
    const send = async (uuid: string, beforeSent: () => Promise<void>) =>
      hypervisor.agentCommand(uuid, '{}', { timeoutSeconds: 1, beforeSent });

    await expect(send(randomUUID(), async () => void done++)).rejects.toMatchObject({ code: virErrorNumber.NO_DOMAIN });
    expect(done).toBe(0);
    await expect(send(firstDomain.uuid, async () => void done++)).rejects.toBeInstanceOf(LibvirtError);
    expect(done).toBe(1);
    await expect(send(firstDomain.uuid, async () => Promise.reject(full))).rejects.toBe(full);
  });

  test('never freezes without a bound on the time it takes', async () => {
    const { hypervisor } = create();
    await hypervisor.start();

    // The test driver can freeze, but has no such bound.
    const freeze = hypervisor.fsFreeze(firstDomain.uuid, { timeoutSeconds: 5 });

    await expect(freeze).rejects.toThrow('virDomainAgentSetResponseTimeout');
  });

  test('stands beside another in one process', async () => {
    const one = create();
    const other = create();
    await Promise.all([one.hypervisor.start(), other.hypervisor.start()]);
    await one.hypervisor.close();

    defineDomain().undefine();

    await expect.poll(() => other.events.length).toBe(3);
    expect(one.events).toEqual([{ type: 'connected' }]);
  });
});

describe('a hypervisor that can not be reached', () => {
  test('says why, fails calls at once and tries again with growing delays', async () => {
    const openTimeoutMs = 10_000;
    const { clock, waits } = impatientClock(openTimeoutMs);
    const news: ConnectionNews[] = [];
    const { hypervisor, events } = create({
      uri: nowhere,
      clock,
      openTimeoutMs,
      random: () => 0.5,
      onNews: (each) => news.push(each),
    });

    await hypervisor.start();

    expect(hypervisor.info()).toBeUndefined();
    await expect(hypervisor.domains()).rejects.toThrow(NotConnectedError);
    await expect(hypervisor.agentCommand(randomUUID(), '{}', { timeoutSeconds: 1 })).rejects.toThrow(NotConnectedError);
    await expect.poll(() => waits.slice(0, 7)).toEqual([187.5, 375, 750, 1500, 3000, 6000, 7500]);
    const message = `no connection to ${nowhere}: connect ENOENT /nowhere/libvirt-sock`;
    expect(events).toEqual([{ type: 'disconnected', message }]);
    expect(news[0]).toEqual({ type: 'unreachable', message, retryInMs: 187.5 });
  });

  test('stops waiting for the first attempt when the signal aborts', async () => {
    const { hypervisor } = create();
    const reason = new Error('enough');

    await expect(hypervisor.start(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
