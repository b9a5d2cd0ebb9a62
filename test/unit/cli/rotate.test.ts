import { expect, it } from 'vitest';
import type { GuestRotation } from '../../../src/api/schema/password-rotation.ts';
import { rotationProgress } from '../../../src/cli/rotate/progress.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aRotation, noon } from '../manager/objects.ts';

function standing(guests: Partial<GuestRotation>[], ready = 'Rotating', suspend = false) {
  const said = { type: 'Ready', status: 'False', reason: ready, message: `because ${ready}` } as const;
  const all = guests.map(
    (guest, n): GuestRotation => ({ name: `web-${n + 1}`, phase: 'Succeeded', attempts: 1, ...guest }),
  );
  return aRotation(
    { suspend },
    { status: { guests: all, targets: all.length, conditions: setCondition([], said, noon) } },
  );
}

const old = { lastRotationTime: timestamp(noon - 3600_000) };
const fresh = { lastRotationTime: timestamp(noon) };

it('is done when every guest has a password of after the wish', () => {
  const before = standing([old, old]);

  expect(rotationProgress(before, before)).toMatchObject({ state: 'going', rotated: 0 });
  expect(rotationProgress(before, standing([fresh, old]))).toMatchObject({ state: 'going', rotated: 1 });
  expect(rotationProgress(before, standing([fresh, fresh]))).toMatchObject({ state: 'rotated', rotated: 2 });
});

it('is stuck when a guest is parked and all others are done', () => {
  const before = standing([old, old]);
  const parked = { ...old, phase: 'Failed', parked: true, taskName: 't1' } as const;

  expect(rotationProgress(before, standing([parked, old], 'GuestsParked'))).toMatchObject({ state: 'going' });
  expect(rotationProgress(before, standing([parked, fresh], 'GuestsParked'))).toMatchObject({
    state: 'stuck',
    why: 'because GuestsParked',
  });
});

it('gives guests that were parked before their new chance', () => {
  const parked = { ...old, phase: 'Failed', parked: true, taskName: 't1' } as const;
  const before = standing([parked]);

  expect(rotationProgress(before, before)).toMatchObject({ state: 'going' });
  expect(rotationProgress(before, standing([{ ...parked, taskName: 't2' }]))).toMatchObject({ state: 'stuck' });
});

it.each(['YescryptUnavailable', 'NoGuestsMatched'])('is stuck for %s', (reason) => {
  expect(rotationProgress(standing([old]), standing([old], reason))).toMatchObject({ state: 'stuck' });
});

it('is stuck when it is suspended', () => {
  expect(rotationProgress(standing([old]), standing([old], 'Rotating', true))).toMatchObject({ state: 'stuck' });
});
