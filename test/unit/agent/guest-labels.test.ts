import { expect, it } from 'vitest';
import { labelledBy, labelPatch } from '../../../src/agent/guest-labels.ts';
import type { Guest } from '../../../src/api/resources.ts';

const noted = 'qga.dev/metadata-labels';

function guest(labels: Record<string, string>, note?: string): Guest {
  const annotations = note === undefined ? {} : { [noted]: note };
  return { apiVersion: 'qga.dev/v1alpha1', kind: 'Guest', metadata: { name: 'web-1', labels, annotations } };
}

it('puts the labels of the metadata on the guest, and notes their names', () => {
  expect(labelPatch(guest({ app: 'old' }), { tier: 'db', app: 'web' })).toEqual({
    metadata: { labels: { tier: 'db', app: 'web' }, annotations: { [noted]: 'app,tier' } },
  });
});

it('asks for nothing when they are there', () => {
  expect(labelPatch(guest({ app: 'web', mine: 'x' }, 'app'), { app: 'web' })).toBeUndefined();
  expect(labelPatch(guest({ mine: 'x' }), {})).toBeUndefined();
  const made = { metadata: { name: 'web-1', ...labelledBy({ app: 'web', tier: 'db' }) } } as Guest;
  expect(labelPatch(made, { app: 'web', tier: 'db' })).toBeUndefined();
});

it('takes away what the metadata has no longer, and nothing that people have put there', () => {
  expect(labelPatch(guest({ app: 'web', tier: 'db', mine: 'x' }, 'app,tier'), { app: 'web' })).toEqual({
    metadata: { labels: { tier: null }, annotations: { [noted]: 'app' } },
  });
  expect(labelPatch(guest({ app: 'web' }, 'app'), {})).toEqual({
    metadata: { labels: { app: null }, annotations: { [noted]: null } },
  });
});
