import { lookup } from 'node:dns/promises';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../src/libvirt/errors.ts';
import type { HypervisorEvent } from '../../src/libvirt/hypervisor-event.ts';
import { LibvirtHypervisor, type LibvirtHypervisorOptions } from '../../src/libvirt/libvirt-hypervisor.ts';
import { sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';

const ping = JSON.stringify({ execute: 'guest-ping' });
const pong = '{"return":{}}';
/** What still is no wait for a guest that hangs, on a machine under load. */
const quickMs = 2000;
const opened: LibvirtHypervisor[] = [];
let web: TestGuest;
let db: TestGuest;

beforeAll(async () => {
  web = await sharedGuest('web-1');
  db = await sharedGuest('db-1');
});

afterEach(async () => {
  for (const hypervisor of opened.splice(0)) expect(await hypervisor.close()).toBe(true);
});

afterAll(async () => {
  await Promise.all([web.waitForAgent(), db.waitForAgent()]);
});

async function connect(options: Partial<LibvirtHypervisorOptions> = {}) {
  const { uri } = sharedHypervisor();
  const hypervisor = new LibvirtHypervisor({ uri, metadataUri: 'https://qga.dev/v1', ...options });
  opened.push(hypervisor);
  const events: HypervisorEvent[] = [];
  hypervisor.subscribe((event) => events.push(event));
  await hypervisor.start();
  return { hypervisor, events };
}

async function elapsedMs(action: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await action();
  return performance.now() - began;
}

describe('a guest', () => {
  test('answers an agent command', async () => {
    const { hypervisor } = await connect();

    await expect(hypervisor.agentCommand(web.uuid, ping, { timeoutSeconds: 10 })).resolves.toBe(pong);
  });

  test('is read with its channel, its metadata and its size', async () => {
    const { hypervisor } = await connect();

    const domain = await hypervisor.domain(web.uuid);

    expect(domain).toEqual({
      uuid: web.uuid,
      name: 'web-1',
      state: 'running',
      movedAway: false,
      saved: false,
      persistent: true,
      agentChannel: 'connected',
      vcpus: 1,
      memoryKiB: 131_072,
      metadataXml: expect.stringContaining('<guest'),
    });
    expect(await hypervisor.domains()).toContainEqual(domain);
  });

  test('refuses a command in words of its agent', async () => {
    const { hypervisor } = await connect();

    const refused = hypervisor.agentCommand(web.uuid, '{"execute":"guest-no-such"}', { timeoutSeconds: 10 });

    await expect(refused).rejects.toMatchObject({
      code: expect.toBeOneOf([virErrorNumber.INTERNAL_ERROR, virErrorNumber.AGENT_COMMAND_FAILED]),
      message: expect.stringContaining('guest-no-such'),
      connectionLost: false,
    });
  });

  test('takes no command while it is paused, of which events tell', async () => {
    const { hypervisor, events } = await connect();
    await db.suspend();

    const refused = hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 });

    await expect(refused).rejects.toMatchObject({ code: virErrorNumber.OPERATION_INVALID });
    await db.resume();
    await expect
      .poll(() => events.flatMap((event) => (event.type === 'lifecycle' ? `${event.uuid} ${event.event}` : [])))
      .toEqual([`${db.uuid} suspended`, `${db.uuid} resumed`]);
  });

  test('tells that its agent went and came back', async () => {
    const { hypervisor, events } = await connect();

    await db.killAgent();

    const agentOf = (uuid: string) =>
      events.flatMap((event) => (event.type === 'agent' && event.uuid === uuid ? event.state : []));
    await expect.poll(() => agentOf(db.uuid), { timeout: 15_000 }).toEqual(['disconnected', 'connected']);
    expect(await hypervisor.domain(db.uuid)).toMatchObject({ agentChannel: 'connected' });
    await db.waitForAgent();
  });

  test('is frozen and thawed by the typed calls', async () => {
    const { hypervisor } = await connect();
    const options = { timeoutSeconds: 10 };

    expect(await hypervisor.fsFreeze(db.uuid, options)).toBe(1);
    expect(await hypervisor.agentCommand(db.uuid, '{"execute":"guest-fsfreeze-status"}', options)).toContain('frozen');
    expect(await hypervisor.fsThaw(db.uuid, options)).toBe(1);
    expect(await hypervisor.fsThaw(db.uuid, options)).toBe(0);
    expect(await hypervisor.fsFreeze(db.uuid, { ...options, mountpoints: ['/nowhere'] })).toBe(0);
    await hypervisor.fsThaw(db.uuid, options);
  });

  test('takes a password hash for an account', async () => {
    const { hypervisor } = await connect();
    await db.sh('cp /etc/shadow /run/shadow');
    const account = { user: 'root', password: '$6$salt$hash', encrypted: true };

    await hypervisor.setUserPassword(db.uuid, account, { timeoutSeconds: 10 });

    const { stdout } = await db.sh('cat /etc/shadow; cp /run/shadow /etc/shadow');
    expect(stdout).toContain('root:$6$salt$hash:');
  });
});

describe('a guest whose agent hangs', () => {
  afterEach(async () => {
    await web.continueAgent();
    await web.waitForAgent();
  });

  test('delays neither another guest, nor a question about domains, nor DNS', async () => {
    const { hypervisor } = await connect();
    await web.stopAgent();
    const stop = new AbortController();
    const calls = Array.from({ length: 8 }, () =>
      hypervisor
        .agentCommand(web.uuid, ping, { timeoutSeconds: 2, signal: stop.signal })
        .catch((error: unknown) => error),
    );

    const times = await Promise.all([
      elapsedMs(() => hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 })),
      elapsedMs(() => hypervisor.domains()),
      elapsedMs(() => lookup('localhost')),
    ]);

    expect(Math.max(...times)).toBeLessThan(quickMs);
    stop.abort(new Error('enough'));
    const [sent, ...waiting] = await Promise.all(calls);
    expect(sent).toBeInstanceOf(LibvirtError);
    expect(sent).toMatchObject({
      code: expect.toBeOneOf([virErrorNumber.AGENT_UNRESPONSIVE, virErrorNumber.AGENT_COMMAND_TIMEOUT]),
    });
    expect(waiting).toEqual(Array.from({ length: 7 }, () => new Error('enough')));
  });

  test('can not hold up a freeze for longer than was asked', async () => {
    const { hypervisor } = await connect();
    await web.stopAgent();

    const ms = await elapsedMs(async () => {
      const freeze = hypervisor.fsFreeze(web.uuid, { timeoutSeconds: 2 });
      await expect(freeze).rejects.toMatchObject({
        code: expect.toBeOneOf([virErrorNumber.AGENT_UNRESPONSIVE, virErrorNumber.AGENT_COMMAND_TIMEOUT]),
      });
    });

    expect(ms).toBeLessThan(2000 + quickMs);
    // The agent carries it out when it goes on (C39): a freeze that timed out owes a thaw.
    await web.continueAgent();
    await web.waitForAgent();
    await hypervisor.fsThaw(web.uuid, { timeoutSeconds: 10 });
    expect(await web.agent('guest-fsfreeze-status')).toBe('thawed');
  });
});

describe('libvirtd', () => {
  test('may be killed and come back: calls on their way are unknown, later ones unsent, events go on', async () => {
    const daemon = sharedHypervisor();
    const { hypervisor, events } = await connect();
    await hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 });
    await web.stopAgent();
    const onItsWay = hypervisor.agentCommand(web.uuid, ping, { timeoutSeconds: 30 }).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 500));

    await daemon.killLibvirtd();

    expect(await onItsWay).toMatchObject({ name: 'LibvirtError', connectionLost: true });
    await expect.poll(() => events.at(-1)).toMatchObject({ type: 'disconnected' });
    expect(hypervisor.info()).toBeUndefined();
    const unsent = await elapsedMs(async () => {
      const call = hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 });
      await expect(call).rejects.toThrow(NotConnectedError);
    });
    expect(unsent).toBeLessThan(100);

    await daemon.startLibvirtd();

    await expect.poll(() => events.at(-1), { timeout: 30_000 }).toEqual({ type: 'connected' });
    await web.continueAgent();
    await Promise.all([web.waitForAgent(), db.waitForAgent()]);
    await expect(hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 })).resolves.toBe(pong);
    const seen = events.length;
    await db.suspend();
    await db.resume();
    await expect
      .poll(() => events.slice(seen).filter((event) => event.type === 'lifecycle'))
      .toMatchObject([{ event: 'suspended' }, { event: 'resumed' }]);
  });

  test('may stop answering: keepalive tells, and the next connection comes when it goes on', async () => {
    const daemon = sharedHypervisor();
    const { hypervisor, events } = await connect({
      keepAlive: { intervalSeconds: 1, count: 2 },
      openTimeoutMs: 1000,
    });
    await hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 });

    await daemon.killLibvirtd('SIGSTOP');
    // By now the connection that answered a moment ago is no longer taken on trust.
    await delay(1100);

    // It got as far as asking for the domain.
    const unsent = hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 });
    await expect(unsent).rejects.toThrow(NotConnectedError);
    await expect
      .poll(() => events.at(-1), { timeout: 15_000 })
      .toEqual({
        type: 'disconnected',
        message: 'the connection to libvirt was lost: the daemon did not answer',
      });
    await daemon.killLibvirtd('SIGCONT');
    await expect.poll(() => events.at(-1), { timeout: 30_000 }).toEqual({ type: 'connected' });
    await expect(hypervisor.agentCommand(db.uuid, ping, { timeoutSeconds: 10 })).resolves.toBe(pong);
  });

  test('keeps no connection of a hypervisor that was closed', async () => {
    const before = sockets();
    const { hypervisor } = await connect();
    await Promise.all([web, db].map(({ uuid }) => hypervisor.agentCommand(uuid, ping, { timeoutSeconds: 10 })));
    await hypervisor.domains();
    expect(sockets()).toBe(before + 4);

    await hypervisor.close();

    expect(sockets()).toBe(before);
  });
});

function sockets(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      // The folder's own descriptor is gone by now.
      return false;
    }
  }).length;
}
