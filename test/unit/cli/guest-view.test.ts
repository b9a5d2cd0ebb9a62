import { expect, it } from 'vitest';
import type { Guest } from '../../../src/api/resources.ts';
import { guestTable } from '../../../src/cli/guest-view.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { table } from '../../../src/cli/print/table.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aGuest, noon } from '../manager/objects.ts';

function rowOf(guest: Guest, wide = false): Record<string, string> {
  guest.metadata.creationTimestamp = timestamp(noon - 7200_000);
  const { headings, rows } = guestTable([guest], { wide, withNamespace: true, now: noon });
  const [, row = ''] = table(headings, rows, plain);
  const cells = row.split(/ {3,}/);
  return Object.fromEntries(headings.map((heading, column) => [heading, cells[column] ?? '']));
}

function said(guest: Guest, type: string, status: 'True' | 'False' | 'Unknown', reason: string): Guest {
  const conditions = setCondition(guest.status?.conditions ?? [], { type, status, reason, message: '' }, noon);
  return { ...guest, status: { ...guest.status, conditions } };
}

it('shows a guest that is well', () => {
  const guest = said(aGuest('web-1'), 'Frozen', 'False', 'Thawed');
  guest.status = { ...guest.status, os: { prettyName: 'Debian 12' }, addresses: ['10.0.2.15', 'fe80::1', '10.1.0.1'] };

  expect(rowOf(guest)).toEqual({
    NAMESPACE: 'team-a',
    NAME: 'web-1',
    STATE: 'running',
    AGENT: 'ok',
    FROZEN: 'no',
    BUSY: '-',
    OS: 'Debian 12',
    ADDRESSES: '10.0.2.15,fe80::1 +1',
    AGE: '2h',
  });
});

it('says in a word why the agent can not be spoken to', () => {
  expect(rowOf(said(aGuest('web-1'), 'AgentConnected', 'False', 'ChannelBroken'))).toMatchObject({
    AGENT: 'ChannelBroken',
  });
  expect(rowOf(said(aGuest('web-1'), 'AgentConnected', 'Unknown', 'HostDown'))).toMatchObject({ AGENT: 'HostDown' });
  expect(rowOf(said(aGuest('web-1', { running: false }), 'AgentConnected', 'False', 'DomainNotRunning'))).toMatchObject(
    { AGENT: '-', STATE: 'shutoff' },
  );
});

it('tells a freeze of this cluster from somebody else’s, and whom it is busy with', () => {
  const held = said(aGuest('web-1'), 'Frozen', 'True', 'Held');
  held.status = { ...held.status, busyWith: 'team-a/nightly-web-1' };

  expect(rowOf(held)).toMatchObject({ FROZEN: 'yes', BUSY: 'nightly-web-1' });
  expect(rowOf(said(aGuest('web-1'), 'Frozen', 'True', 'FrozenBySomebody'))).toMatchObject({ FROZEN: 'BySomebody' });
  expect(rowOf(said(aGuest('web-1'), 'Frozen', 'Unknown', 'ThawOwed'))).toMatchObject({ FROZEN: 'ThawOwed' });
  expect(rowOf(aGuest('web-1', { suspend: true }))).toMatchObject({ BUSY: 'suspended' });
});

it('has more to tell when asked for wide', () => {
  const guest = aGuest('web-1');
  guest.status = {
    ...guest.status,
    vcpus: { configured: 4, online: 2 },
    memoryMiB: 512,
    agent: { blockedCommands: ['guest-exec'] },
  };

  expect(rowOf(guest, true)).toMatchObject({ NODE: 'hv1', DOMAIN: 'web-1', VCPUS: '2', MEMORY: '512Mi', BLOCKED: '1' });
});
