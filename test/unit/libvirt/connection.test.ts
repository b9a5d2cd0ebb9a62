import koffi from 'koffi';
import { describe, expect, test, vi } from 'vitest';
import { realClock } from '../../../src/libvirt/clock.ts';
import { Connection } from '../../../src/libvirt/connection.ts';
import { virErrorNumber } from '../../../src/libvirt/errors.ts';
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

  describe('asked for a domain again and again', () => {
    function setUp() {
      let now = 0;
      const lookUp = vi.spyOn(loadLibvirt(), 'domainLookupByUuid').mockClear();
      const opening = Connection.open(testUri, keepAlive, { ...realClock, monotonic: () => now });
      return { opening, lookUp, pass: (ms: number) => (now += ms) };
    }

    test('looks it up once and speaks to it even after it was started and defined anew', async () => {
      const { opening, lookUp } = setUp();
      const connection = await opening;
      const domain = defineDomain();
      const state = () => connection.withKnownDomain(domain.uuid, async (known) => (await known.state())[0]);

      expect(await state()).toBe(5);
      domain.start();
      expect(await state()).toBe(1);
      domain.destroy();
      domain.undefine();
      await expect(state()).rejects.toMatchObject({ code: virErrorNumber.NO_DOMAIN });
      const again = defineDomain({ uuid: domain.uuid });
      expect(await state()).toBe(5);

      expect(lookUp).toHaveBeenCalledTimes(1);
      await connection.close();
      again.undefine();
    });

    test('looks it up anew when libvirt was silent for longer than a second', async () => {
      const { opening, lookUp, pass } = setUp();
      const connection = await opening;
      const look = () => connection.withKnownDomain(firstDomain.uuid, (domain) => domain.state());

      await look();
      pass(900);
      await look();
      pass(900);
      await look();
      expect(lookUp).toHaveBeenCalledTimes(1);
      pass(1100);
      await look();

      expect(lookUp).toHaveBeenCalledTimes(2);
      await connection.close();
    });
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
      reboot: () => {},
      metadataChange: () => {},
      closed: () => {},
    });
    defineDomain().undefine();
    await connection.eachDomain(async (domain) => void (await domain.state()));
    await connection.withKnownDomain(firstDomain.uuid, (domain) => domain.state());
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
