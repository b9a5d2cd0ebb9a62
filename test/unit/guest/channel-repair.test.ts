import { expect, test } from 'vitest';
import { ChannelRepair } from '../../../src/guest/channel-repair.ts';
import type { Domain, Hypervisor } from '../../../src/guest/hypervisor.ts';
import type { JournalEntry } from '../../../src/guest/journal.ts';
import { LibvirtError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';

const channelXml = '<channel/>';

function libvirtSays(code: number): LibvirtError {
  return new LibvirtError({ code, domain: 10, level: 2, message: 'no' });
}

/** A domain whose channel takes its time to be unplugged, and the node's disk. */
function aHost({ plugged = true, unplugsAfterMs = 0 } = {}) {
  const clock = new FakeClock();
  const entries = new Map<string, JournalEntry<never>>();
  const host = {
    plugged,
    domain: aDomain as Domain | undefined,
    done: [] as string[],
    detach: async () => {},
    attach: async () => {},
  };
  const hypervisor = {
    async agentChannelXml() {
      if (!host.domain) throw libvirtSays(virErrorNumber.NO_DOMAIN);
      return host.plugged ? channelXml : undefined;
    },
    async detachDevice() {
      host.done.push('detach');
      await host.detach();
      clock.after(unplugsAfterMs, () => {
        host.plugged = false;
      });
    },
    async attachDevice() {
      host.done.push('attach');
      await host.attach();
      host.plugged = true;
    },
    domain: async () => host.domain,
  } as Partial<Hypervisor> as Hypervisor;
  const journal = {
    get: (id: string) => entries.get(id),
    async record(id: string, entry: JournalEntry<never>) {
      await settled();
      entries.set(id, entry);
    },
    forget: async (id: string) => void entries.delete(id),
    tasks: () => entries.keys(),
  };
  const repair = new ChannelRepair({ hypervisor, journal, clock });
  return { host, repair, clock, nextLife: () => new ChannelRepair({ hypervisor, journal, clock }) };
}

/** In steps: what follows from a write takes its turns, too. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 100) await clock.advance(100);
}

async function tried(work: Promise<void>): Promise<string> {
  return await work.then(
    () => 'done',
    (error: Error) => error.name,
  );
}

test('unplugs the channel and plugs it in again', async () => {
  const { host, repair, clock } = aHost({ unplugsAfterMs: 500 });

  const replugged = tried(repair.replug('uuid'));
  await pass(clock, 1000);

  expect(await replugged).toBe('done');
  expect(host).toMatchObject({ done: ['detach', 'attach'], plugged: true });
  expect(repair.unfinished()).toEqual([]);
});

test.each([0, 1, 2, 3, 4])('plugs it in again once, whoever ends a repair meanwhile (%d)', async (turns) => {
  const { host, repair, clock } = aHost({ unplugsAfterMs: 300 });
  host.detach = settled;

  const replugged = tried(repair.replug('uuid'));
  for (let turn = 0; turn < turns; turn++) await settled();
  const finished = tried(repair.finish('uuid'));
  await pass(clock, 2000);

  expect([await replugged, await finished]).toEqual(['done', 'done']);
  expect(host).toMatchObject({ done: ['detach', 'attach'], plugged: true });
  expect(repair.unfinished()).toEqual([]);
});

test('says of a domain without a channel that there is nothing to mend', async () => {
  const { host, repair } = aHost({ plugged: false });

  expect(await tried(repair.replug('uuid'))).toBe('ChannelNotPluggedInError');

  expect(host.done).toEqual([]);
});

test('keeps in mind what it could not plug in, and plugs it in later', async () => {
  const { host, repair, clock } = aHost();
  host.attach = async () => {
    throw libvirtSays(virErrorNumber.OPERATION_FAILED);
  };
  const replugged = tried(repair.replug('uuid'));
  await pass(clock, 1000);
  expect(await replugged).toBe('LibvirtError');
  expect(repair.isUnplugged('uuid')).toBe(true);

  host.attach = async () => {};
  expect(await tried(repair.replug('uuid'))).toBe('done');

  expect(host.plugged).toBe(true);
  expect(repair.unfinished()).toEqual([]);
});

test('plugs in what goes only after its process has died: libvirt may still have been about it', async () => {
  const { host, repair, clock, nextLife } = aHost({ unplugsAfterMs: 3000 });
  host.detach = () => new Promise(() => {});
  void repair.replug('uuid');
  await pass(clock, 500);
  clock.after(3000, () => {
    host.plugged = false;
  });

  const finished = tried(nextLife().finish('uuid'));
  await pass(clock, 20_000);

  expect(await finished).toBe('done');
  expect(host).toMatchObject({ done: ['detach', 'attach'], plugged: true });
});

test('leaves a channel that stays alone, and forgets that it was to be unplugged', async () => {
  const { host, repair, clock, nextLife } = aHost();
  host.detach = () => new Promise(() => {});
  void repair.replug('uuid');
  await pass(clock, 500);

  const finished = tried(nextLife().finish('uuid'));
  await pass(clock, 20_000);

  expect(await finished).toBe('done');
  expect(host.done).toEqual(['detach']);
  expect(repair.unfinished()).toEqual([]);
});

test('forgets the channel of a domain that is gone by its next life', async () => {
  const { host, repair, clock, nextLife } = aHost();
  host.detach = () => new Promise(() => {});
  void repair.replug('uuid');
  await pass(clock, 500);
  host.domain = undefined;

  expect(await tried(nextLife().finish('uuid'))).toBe('done');

  expect(host.done).toEqual(['detach']);
  expect(repair.unfinished()).toEqual([]);
});

test.each([
  ['is gone', undefined, false],
  ['is off', { ...aDomain, state: 'shutoff' }, false],
  ['lies in a file without its channel', { ...aDomain, state: 'shutoff', saved: true }, true],
  ['runs, and libvirt has another reason', aDomain, true],
] as const)('after the channel was unplugged, of a domain that %s', async (_, domain, kept) => {
  const { host, repair, clock } = aHost();
  host.attach = async () => {
    host.domain = domain;
    throw libvirtSays(virErrorNumber.OPERATION_INVALID);
  };

  const replugged = tried(repair.replug('uuid'));
  await pass(clock, 1000);

  expect(await replugged).not.toBe('done');
  expect(repair.isUnplugged('uuid')).toBe(kept);
});
