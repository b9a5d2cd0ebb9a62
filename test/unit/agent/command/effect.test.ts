import { describe, expect, it } from 'vitest';
import {
  type DomainSight,
  type ExpectedEffect,
  effectMessage,
  effectOf,
} from '../../../../src/agent/actions/command/effect.ts';

const running: DomainSight = { state: 'running', events: new Set(), bootChanged: false, agentGoneMs: 0 };
const see = (sight: Partial<DomainSight>): DomainSight => ({ ...running, ...sight });

describe('the effect of a command that no answer tells of', () => {
  it.each<[string, ExpectedEffect, Partial<DomainSight>, string | undefined]>([
    ['of a powerdown is a domain that is off', 'powerdown', { state: 'shutoff' }, 'Stopped'],
    ['of a powerdown is one that is gone, as transient ones are', 'powerdown', { state: undefined }, 'Stopped'],
    ['is seen though somebody started it again at once', 'powerdown', { events: new Set(['stopped']) }, 'Stopped'],
    [
      'of a powerdown may be a new boot, where the domain says so',
      'powerdown',
      { events: new Set(['reboot']) },
      'Rebooted',
    ],
    ['is not a domain that runs on', 'powerdown', {}, undefined],
    [
      'is not one whose definition is removed while it runs on',
      'powerdown',
      { events: new Set(['undefined']) },
      undefined,
    ],
    ['is not an agent that left first', 'powerdown', { agentGoneMs: 60_000 }, undefined],
    ['of a reboot is a reset', 'reboot', { events: new Set(['reboot']) }, 'Rebooted'],
    ['of a reboot is another boot, where the event was lost', 'reboot', { bootChanged: true }, 'Rebooted'],
    ['of a halt is an agent that left for good', 'halt', { agentGoneMs: 10_000 }, 'AgentLeft'],
    ['of a halt is not an agent that may come back', 'halt', { agentGoneMs: 9999 }, undefined],
    ['of a suspend is a suspended domain', 'suspendToRam', { state: 'pmsuspended' }, 'Suspended'],
    [
      'of a suspend is seen though it was woken at once',
      'suspendToRam',
      { events: new Set(['pmsuspended']) },
      'Suspended',
    ],
    ['of a suspend is told from a guest that ended', 'suspendToRam', { state: 'shutoff' }, 'Stopped'],
    ['of a suspend to disk is a domain that is off', 'suspendToDisk', { state: 'shutoff' }, 'Stopped'],
    ['of a suspend to disk is not yet there while it is written', 'suspendToDisk', { state: 'pmsuspended' }, undefined],
  ])('%s', (_, expected, sight, effect) => {
    expect(effectOf(expected, see(sight))).toBe(effect);
  });
});

it('does not say more of a guest that halted than that its agent left: it may have long to stop yet', () => {
  expect(effectMessage('halt', 'AgentLeft')).toBe(
    'the guest’s agent left, as it does when a guest halts: what takes long to stop there may not have yet; the domain runs on, with idle processors in the end, until somebody resets or destroys it',
  );
});
