import { expect, it } from 'vitest';
import { errorOfStatus } from '../../../src/kube/errors.ts';
import { refusalOf } from '../../../src/manager/rotation-refusal.ts';

const refused = (code: number, reason: string, ...fields: string[]) =>
  refusalOf(
    errorOfStatus(code, { reason, message: 'it says canary', details: { causes: fields.map((field) => ({ field })) } }),
  );

it('names the fields that the API server refuses, each once', () => {
  const message = refused(422, 'Invalid', 'metadata.labels', 'metadata.labels', 'data[..x]');

  expect(message).toContain('(Invalid: metadata.labels, data[..x]): correct spec.secretTemplate');
});

it('names the reason alone where the server names no field', () => {
  expect(refused(403, 'Forbidden')).toContain('(Forbidden): tried again soon');
});

it.each([
  ['a webhook names', 403, 'Forbidden', 'metadata.labels.canary'],
  ['is no path', 422, 'Invalid', 'data: canary'],
  ['is none of a Secret', 422, 'Invalid', 'canary'],
])('leaves out what %s: it may be a value', (_, code, reason, field) => {
  const message = refused(code, reason, field);

  expect(message).toContain(`(${reason}): tried again soon`);
  expect(message).not.toContain('canary');
});
