import { expect, test } from 'vitest';
import { ChannelDoctor } from '../../../src/agent/channel-doctor.ts';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import type { ChannelRepair } from '../../../src/guest/channel-repair.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { aDomain } from '../support/a-domain.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const { signal } = new AbortController();

/** A guest whose channel is broken, or was left unplugged, and what is done for it. */
function aPatient({ unplugged = false, connected = true } = {}) {
  const done: string[] = [];
  const seen = { unplugged, connected };
  const hypervisor = {
    info: () => (seen.connected ? { uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' } : undefined),
  } as Partial<Hypervisor> as Hypervisor;
  const registry = new GuestRegistry(hypervisor);
  const live = registry.get('uuid');
  live.domain = aDomain;
  live.health = { state: 'broken', message: 'it is given up' };
  const repair = {
    isUnplugged: () => seen.unplugged,
    async finish() {
      done.push('finish');
      seen.unplugged = false;
    },
    async replug() {
      done.push('replug');
    },
  } as Partial<ChannelRepair> as ChannelRepair;
  const doctor = new ChannelDoctor({
    repair,
    registry,
    guestOf: () => undefined,
    defaultPolicy: 'Auto',
    clock: new FakeClock(),
    logger: recordingLogger().logger,
    onTried: (_, succeeded) => done.push(`tried ${succeeded}`),
    onFinished: () => done.push('finished'),
  });
  return { done, seen, live, doctor };
}

test('mends a broken channel', async () => {
  const { done, doctor, live } = aPatient();

  await doctor.reconcile('uuid', signal);

  expect(done).toEqual(['replug', 'tried true']);
  expect(live.channel).toMatchObject({ repairs: 1, lastRepair: { message: 'it was unplugged and plugged in again' } });
});

test('first plugs in what was left unplugged, of a domain that it has not seen yet, too', async () => {
  const { done, doctor, live } = aPatient({ unplugged: true });
  live.domain = undefined;

  await doctor.reconcile('uuid', signal);

  expect(done).toEqual(['finish', 'finished']);
});

test('waits for libvirt before it plugs in what was left unplugged', async () => {
  const { done, seen, doctor } = aPatient({ unplugged: true, connected: false });
  await doctor.reconcile('uuid', signal);
  expect(done).toEqual([]);

  seen.connected = true;
  await doctor.reconcile('uuid', signal);

  expect(done.slice(0, 2)).toEqual(['finish', 'finished']);
});

test('leaves the channel alone when nobody waits for the repair any more once its turn has come', async () => {
  const { done, doctor, live } = aPatient();
  const call = Promise.withResolvers<void>();
  const underWay = live.agent.undisturbed(() => call.promise);
  const given = new AbortController();

  const reconciled = doctor.reconcile('uuid', given.signal);
  given.abort(new Error('it took too long'));
  call.resolve();
  await underWay;

  await expect(reconciled).rejects.toThrow('it took too long');
  expect(done).toEqual(['tried false']);
});
