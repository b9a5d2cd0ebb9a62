import { expect, it } from 'vitest';
import { awaitedForMs, Departure } from '../../../src/agent/departure.ts';
import type { Domain, HypervisorEvent, LifecycleEvent } from '../../../src/guest/hypervisor.ts';
import { aDomain as domain } from '../support/a-domain.ts';

const off: Domain = { ...domain, state: 'shutoff' };

function event(name: LifecycleEvent, detail = 0): HypervisorEvent {
  return { type: 'lifecycle', uuid: 'uuid', event: name, detail };
}

it('awaits a guest of which libvirt says that it was migrated, in an event or in its state', () => {
  const told = new Departure();
  const seen = new Departure();

  told.onEvent(event('stopped', 3), 1000);
  seen.see({ ...off, movedAway: true }, 1000);

  expect([told, seen].map((each) => each.awaitedMs(1000))).toEqual([awaitedForMs, awaitedForMs]);
});

it('awaits one whose domain is gone, unless it was seen to end', () => {
  const vanished = new Departure();
  const ended = new Departure();
  const shutOff = new Departure();
  ended.onEvent(event('stopped', 1), 0);
  shutOff.see(off, 0);

  for (const each of [vanished, ended, shutOff]) each.see(undefined, 0);

  expect([vanished, ended, shutOff].map((each) => each.awaitedMs(0))).toEqual([awaitedForMs, 0, 0]);
});

it('awaits one that was saved to a file and whose domain went with that, and none whose domain is still here', () => {
  const gone = new Departure();
  const here = new Departure();
  for (const each of [gone, here]) each.onEvent(event('stopped', 4), 0);

  gone.see(undefined, 1);
  here.see({ ...off, saved: true }, 1);

  expect([gone, here].map((each) => each.awaitedMs(0))).toEqual([awaitedForMs, 0]);
});

it('counts from when it was first known to have left, and gives up in the end', () => {
  const departure = new Departure();
  departure.onEvent(event('stopped', 3), 1000);

  departure.see(undefined, 5000);

  expect(departure.awaitedMs(6000)).toBe(awaitedForMs - 5000);
  expect(departure.awaitedMs(1000 + awaitedForMs)).toBe(0);
});

it.each([
  ['started', (departure: Departure) => departure.onEvent(event('started'), 1)],
  ['seen to run', (departure: Departure) => departure.see(domain, 1)],
])('is over when the guest is %s here again', (_, comeBack) => {
  const departure = new Departure();
  departure.onEvent(event('stopped', 3), 0);

  comeBack(departure);

  expect(departure.awaitedMs(1)).toBe(0);
});
