import { expect, it } from 'vitest';
import { GuestRegistry } from '../../../src/agent/guest-registry.ts';
import { hostView, openKeys } from '../../../src/agent/host-view.ts';
import type { LiveGuest } from '../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { aDomain as domain } from '../support/a-domain.ts';

const now = Date.parse('2026-01-01T12:00:00Z');

function viewOf(...guests: Pick<LiveGuest, 'domain' | 'health'>[]) {
  const registry = new GuestRegistry({} as Hypervisor);
  for (const [index, guest] of guests.entries()) Object.assign(registry.get(String(index)), guest);
  return hostView(registry, new Map(), now);
}

it.each([
  ['answers', { domain, health: { state: 'answers', facts: {} } }],
  ['silent', { domain, health: { state: 'silent', message: '' } }],
  ['broken', { domain, health: { state: 'broken', message: '' } }],
  ['frozen', { domain, health: { state: 'frozen', since: now } }],
  ['unknown', { domain, health: { state: 'unknown' } }],
  ['disconnected', { domain: { ...domain, agentChannel: 'disconnected' }, health: { state: 'unknown' } }],
  ['no_channel', { domain: { ...domain, agentChannel: 'absent' }, health: { state: 'unknown' } }],
  ['off', { domain: { ...domain, state: 'shutoff', agentChannel: 'disconnected' }, health: { state: 'unknown' } }],
] satisfies [string, Pick<LiveGuest, 'domain' | 'health'>][])(
  'counts a guest as %s, and as nothing else',
  (state, guest) => {
    const counted = Object.entries(viewOf(guest).guests).filter(([, count]) => count > 0);

    expect(counted).toEqual([[state, 1]]);
  },
);

it('does not count a guest that libvirt does not know', () => {
  const { guests } = viewOf({ domain: null, health: { state: 'unknown' } });

  expect(Object.values(guests)).toSatisfy((counts: number[]) => counts.every((count) => count === 0));
});

it('tells for how long the guest has been frozen that has been for longest', () => {
  const frozenFor = (seconds: number) => ({
    domain,
    health: { state: 'frozen' as const, since: now - seconds * 1000 },
  });

  expect(viewOf(frozenFor(3), frozenFor(70), frozenFor(12)).longestFrozenSeconds).toBe(70);
  expect(viewOf({ domain, health: { state: 'unknown' } }).longestFrozenSeconds).toBe(0);
});

it('counts open tasks by action and phase, those included of which there are none', () => {
  const task = (phase?: string) =>
    ({ spec: { action: { exec: {} } }, ...(phase && { status: { phase } }) }) as GuestTask;
  const open = new Map([task(), task('Running'), task('Succeeded')].flatMap(openKeys).map((key) => [key, 1]));

  const { tasks } = hostView(new GuestRegistry({} as Hypervisor), open, now);

  expect(tasks.filter(({ count }) => count > 0)).toEqual([
    { action: 'exec', phase: 'Pending', count: 1 },
    { action: 'exec', phase: 'Running', count: 1 },
  ]);
  expect(tasks).toContainEqual({ action: 'freeze', phase: 'Held', count: 0 });
});
