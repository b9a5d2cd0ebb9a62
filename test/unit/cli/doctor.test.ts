import { describe, expect, it } from 'vitest';
import { apiVersion, type Guest, type GuestHost } from '../../../src/api/resources.ts';
import { diagnose } from '../../../src/cli/doctor/diagnose.ts';
import { askedRights } from '../../../src/cli/doctor/diagnose-rights.ts';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { missingFields } from '../../../src/cli/doctor/missing-fields.ts';
import type { Observed, SeenLease } from '../../../src/cli/doctor/observed.ts';
import { reportLines } from '../../../src/cli/doctor/report.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aGuest, noon } from '../manager/objects.ts';

type Status = 'True' | 'False' | 'Unknown';
type Said = [type: string, status: Status, reason: string, message?: string];

function conditions(...said: Said[]) {
  return said.reduce<ReturnType<typeof setCondition>>(
    (all, [type, status, reason, message = '']) => setCondition(all, { type, status, reason, message }, noon),
    [],
  );
}

const key = { id: '0'.repeat(16), algorithm: 'HPKE', publicKey: 'k' };

function aHost(...said: Said[]): GuestHost {
  return {
    apiVersion,
    kind: 'GuestHost',
    metadata: { name: 'hv1' },
    status: {
      agent: { version: '0.1.0', startTime: timestamp(noon) },
      guests: { total: 1, running: 1, agentConnected: 1 },
      sealingKey: key,
      conditions: conditions(['Ready', 'True', 'HostReady'], ['LibvirtConnected', 'True', 'Connected'], ...said),
    },
  };
}

function saying(...said: Said[]): Guest {
  const guest = aGuest('web-1');
  const all = conditions(['Running', 'True', 'DomainRunning'], ['AgentConnected', 'True', 'AgentAnswers'], ...said);
  return { ...guest, status: { ...guest.status, conditions: all } };
}

const beating: SeenLease = {
  lease: { metadata: { name: 'l' }, spec: { holderIdentity: 'manager-1', renewTime: timestamp(noon - 180_000) } },
  alive: true,
};

function observed(more: Partial<Observed> = {}): Observed {
  return {
    server: 'https://api:6443',
    serverVersion: { value: 'v1.35.0' },
    kinds: {
      value: ['guests', 'guesthosts', 'guesttasks', 'guestexecjobs', 'fsfreezewindows', 'passwordrotations'],
    },
    missingFields: { value: new Map([['guests', []]]) },
    operatorNamespace: 'qga-system',
    manager: { value: beating },
    hosts: { value: [aHost()] },
    hostLeases: new Map([['hv1', { value: beating }]]),
    guests: { value: [saying()] },
    namespace: 'team-a',
    rights: askedRights.map((right) => ({ ...right, allowed: true })),
    version: '0.1.0',
    now: noon,
    ...more,
  };
}

function bad(more: Partial<Observed>, ...levels: Finding['level'][]): Finding[] {
  return diagnose(observed(more)).filter(({ level }) => levels.includes(level));
}

it('finds nothing where all is well', () => {
  expect(diagnose(observed()).every(({ level }) => level === 'ok')).toBe(true);
  expect(reportLines(diagnose(observed()), plain).at(-1)).toBe('Nothing is wrong.');
});

describe('what is wrong, and what to do about it', () => {
  it.each<[string, Partial<Observed>, string, string]>([
    ['the API server', { serverVersion: { refused: 'ECONNREFUSED' } }, 'ECONNREFUSED', 'kubeconfig'],
    [
      'missing kinds',
      { kinds: { value: ['guests'] } },
      'does not serve guesthosts',
      'kubectl apply --server-side -f crds/',
    ],
    [
      'kinds of an earlier version',
      { missingFields: { value: new Map([['guesttasks', ['spec.freezeAt', 'status.a', 'status.b', 'status.c']]]) } },
      "guesttasks: of what version 0.1.0 has, the API server doesn't know spec.freezeAt, status.a, status.b and 1 more",
      'kubectl apply --server-side -f crds/',
    ],
    ['no manager ever', { manager: { value: { lease: undefined, alive: false } } }, 'none has ever led', 'get pods'],
    [
      'a silent manager',
      { manager: { value: { ...beating, alive: false } } },
      'manager-1 fell silent 3m ago',
      'get pods',
    ],
    ['no host', { hosts: { value: [] } }, 'no agent has ever reported', 'agent running on each hypervisor'],
    [
      'a silent host',
      { hostLeases: new Map([['hv1', { value: { ...beating, alive: false } }]]) },
      'hv1: its agent has fallen silent',
      'kubectl delete guesthost hv1',
    ],
    [
      'libvirt',
      { hosts: { value: [aHost(['LibvirtConnected', 'False', 'NotConnected', 'no socket'])] } },
      "can't reach libvirt: no socket",
      'is libvirtd running',
    ],
    [
      'an owed thaw',
      { hosts: { value: [aHost(['ThawOwed', 'True', 'ThawOwed', '1 guests may be frozen'])] } },
      'may be frozen',
      'libvirtd',
    ],
    [
      'an agent that is not there',
      { guests: { value: [saying(['AgentConnected', 'False', 'AgentDisconnected', 'install and start it'])] } },
      'web-1: install and start it',
      '',
    ],
    [
      'a broken channel',
      { guests: { value: [saying(['ChannelHealthy', 'False', 'ChannelBroken', 'given up'])] } },
      'web-1: given up',
      'qga.dev/repair-channel',
    ],
    [
      'a guest that somebody froze',
      { guests: { value: [saying(['Frozen', 'True', 'FrozenBySomebody', 'somebody froze it'])] } },
      'somebody froze it',
      'kubectl qga thaw web-1 -n team-a --force',
    ],
  ])('names %s', (_, more, what, todo) => {
    const [finding, ...others] = bad(more, 'wrong');

    expect(finding?.what).toContain(what);
    expect(finding?.todo ?? '').toContain(todo);
    expect(others).toEqual([]);
  });

  it('passes on how to have blocked commands switched on, as a warning', () => {
    const guest = saying();
    guest.status = {
      ...guest.status,
      agent: { blockedCommands: ['guest-exec', 'guest-info'], unblock: 'setsebool -P x on' },
    };

    expect(bad({ guests: { value: [guest] } }, 'wrong')).toEqual([]);
    expect(bad({ guests: { value: [guest] } }, 'warning')).toMatchObject([
      { what: 'web-1: no commands: its agent has guest-exec switched off', todo: 'setsebool -P x on' },
    ]);
  });

  it('is not a guest that is off or held by a window', () => {
    const off = { ...aGuest('web-2', { running: false }) };
    const held = saying(['Frozen', 'True', 'Held', 'task x holds it']);

    expect(bad({ guests: { value: [off, held] } }, 'wrong', 'warning')).toEqual([]);
  });
});

describe('rights', () => {
  it('are told by what one can do with them', () => {
    const rights = askedRights.map((right) => ({
      ...right,
      allowed: right.resource !== 'guesttasks' || right.verb !== 'create',
    }));

    const notes = bad({ rights }, 'note');

    expect(notes.map(({ what }) => what)).toEqual([
      'you may not thaw --force in namespace team-a: it takes create guesttasks',
      'you may not cp in namespace team-a: it takes create guesttasks',
    ]);
    expect(notes[0]?.todo).toContain('qga-admin');
  });

  it('to read output that is in Secrets come from no role of ours, and are said to', () => {
    const rights = askedRights.map((right) => ({ ...right, allowed: right.resource !== 'secrets' }));

    const [note] = bad({ rights }, 'note');

    expect(note?.what).toBe('you may not logs (of output in Secrets) in namespace team-a: it takes get secrets');
    expect(note?.todo).toContain('no ClusterRole of qga');
  });

  it('that are lacking to look make no illness', () => {
    const refused = { refused: 'forbidden' };

    expect(bad({ manager: refused, hosts: refused, hostLeases: new Map() }, 'wrong')).toEqual([]);
    expect(bad({ manager: refused, hosts: refused, hostLeases: new Map() }, 'note')).toHaveLength(2);
  });
});

it('misses what a schema has and the served one has not: in objects, lists and maps, the outermost of each', () => {
  const text = { type: 'string' } as const;
  const own = {
    properties: {
      spec: { properties: { old: text, brandNew: { properties: { within: text } } } },
      list: { items: { properties: { old: text, added: text } } },
      map: { additionalProperties: { properties: { added: text } } },
    },
  };
  const served = {
    properties: {
      spec: { properties: { old: text } },
      list: { items: { properties: { old: text } } },
      map: { additionalProperties: { properties: {} } },
    },
  };

  expect(missingFields(own, served)).toEqual(['spec.brandNew', 'list[].added', 'map.*.added']);
  expect(missingFields(own, own)).toEqual([]);
});
