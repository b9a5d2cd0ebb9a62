import { expect, it } from 'vitest';
import { parseDomainMetadata } from '../../../src/agent/domain-metadata.ts';
import { guestNames } from '../../../src/agent/guest-name.ts';

const xml = (inner: string, namespace = 'team-a') =>
  `<qga:guest xmlns:qga="https://qga.dev/v1" namespace="${namespace}">${inner}</qga:guest>`;

it('reads the namespace and the labels that a host’s owner gave a domain', () => {
  expect(
    parseDomainMetadata(xml('<qga:label name="app" value="web"/><qga:label name="example.com/tier" value="1"/>')),
  ).toEqual({
    namespace: 'team-a',
    labels: { app: 'web', 'example.com/tier': '1' },
  });
});

it('knows a domain without metadata', () => {
  expect(parseDomainMetadata(undefined)).toEqual({ labels: {} });
});

it.each([
  ['a namespace Kubernetes can not have', xml('', 'Team_A')],
  ['a label Kubernetes can not hold', xml('<qga:label name="a b" value="c"/>')],
  ['a label that is ours', xml('<qga:label name="qga.dev/domain-uuid" value="x"/>')],
])('refuses %s', (_, bad) => {
  expect(() => parseDomainMetadata(bad)).toThrow();
});

it.each([
  ['web-1', 'web-1'],
  ['Web_Server 1', 'web-server-1'],
  ['db.example.com', 'db.example.com'],
  ['_-weird-._name_', 'weird.name'],
  ['!!!', 'domain'],
])('makes a name Kubernetes takes of %s', (name, safe) => {
  expect(guestNames(name, '12345678-0000-4000-8000-000000000000')).toEqual([safe, `${safe}-12345678`]);
});
