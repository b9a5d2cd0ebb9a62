import koffi from 'koffi';
import { describe, expect, test, vi } from 'vitest';
import { Connection } from '../../../src/libvirt/connection.ts';
import { useEventLoop } from '../../../src/libvirt/event-loop.ts';
import { loadLibvirt } from '../../../src/libvirt/library.ts';
import { defineDomain, firstDomain, testUri } from './test-driver.ts';

const keepAlive = { intervalSeconds: 5, count: 3 };

describe('a connection', () => {
  test('refuses a second call while one is on its way', async () => {
    const connection = await Connection.open(testUri, keepAlive);
    const first = connection.versions();

    await expect(connection.withDomain(firstDomain.uuid, (domain) => domain.xml())).rejects.toThrow('in use');

    await expect(first).resolves.toMatchObject({ libvirt: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
    await connection.close();
  });

  test('freezes, thaws and counts filesystems', async () => {
    const connection = await Connection.open(testUri, keepAlive);

    const counts = await connection.withDomain(firstDomain.uuid, async (domain) => [
      await domain.fsFreeze(['/boot']),
      await domain.fsFreeze(),
      await domain.fsThaw(),
      await domain.fsThaw(),
    ]);

    // The test driver's guest has two filesystems, of which the first call froze one.
    expect(counts).toEqual([1, 1, 2, 0]);
    await connection.close();
  });

  test('refuses to pass on a text that C would cut short', async () => {
    const connection = await Connection.open(testUri, keepAlive);

    await connection.withDomain(firstDomain.uuid, async (domain) => {
      await expect(domain.setUserPassword('test', 'secret\0tail', { encrypted: false })).rejects.toThrow(TypeError);
      await expect(domain.agentCommand('{"a":"\0"}', 1)).rejects.toThrow(TypeError);
      await expect(domain.fsFreeze(['/\0'])).rejects.toThrow(TypeError);
    });

    await connection.close();
  });

  test.each([0, -1, -2, 1.5, Number.NaN])('refuses a timeout of %d seconds', async (seconds) => {
    const connection = await Connection.open(testUri, keepAlive);

    await connection.withDomain(firstDomain.uuid, async (domain) => {
      await expect(domain.agentCommand('{}', seconds)).rejects.toThrow(RangeError);
      await expect(domain.setAgentResponseTimeout(seconds)).rejects.toThrow(RangeError);
    });

    await connection.close();
  });

  test('carries a command of several MiB', async () => {
    const connection = await Connection.open(testUri, keepAlive);

    const call = connection.withDomain(firstDomain.uuid, (domain) => domain.agentCommand('x'.repeat(5 << 20), 1));

    await expect(call).rejects.toThrow('virDomainQemuAgentCommand');
    await connection.close();
  });

  test('frees every text that libvirt hands over', async () => {
    const connection = await Connection.open(testUri, keepAlive);
    const before = koffi.stats().disposed;

    for (let index = 0; index < 50; index += 1) await connection.withDomain(firstDomain.uuid, (domain) => domain.xml());

    expect(koffi.stats().disposed - before).toBe(50);
    await connection.close();
  });

  test('leaves nothing behind that holds it open: no domain, no callback', async () => {
    const close = vi.spyOn(loadLibvirt(), 'connectClose');
    const releaseEventLoop = useEventLoop();
    const connection = await Connection.open(testUri, keepAlive);
    const heard: string[] = [];
    await connection.listen({
      lifecycle: (uuid) => heard.push(uuid),
      agentLifecycle: () => {},
      closed: () => {},
    });
    defineDomain().undefine();
    await connection.eachDomain(async (domain) => void (await domain.state()));
    await expect(
      connection.eachDomain(async () => {
        throw new Error('no more');
      }),
    ).rejects.toThrow('no more');
    await expect.poll(() => heard.length).toBe(2);

    await connection.close();

    expect(await close.mock.results[0]?.value).toBe(0);
    await releaseEventLoop();
  });
});
