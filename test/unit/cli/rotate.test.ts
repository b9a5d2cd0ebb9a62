import { expect, it } from 'vitest';
import { rotateNowAnnotation } from '../../../src/api/resources.ts';
import type { PasswordRotationStatus } from '../../../src/api/schema/password-rotation.ts';
import { rotationProgress } from '../../../src/cli/rotate/progress.ts';
import { setCondition } from '../../../src/kube/conditions.ts';
import { aRotation, noon } from '../manager/objects.ts';

const wish = '2026-01-01T12:00:00.000Z';

function standing(
  status: PasswordRotationStatus,
  {
    ready = 'Rotating',
    suspend = false,
    annotation = wish,
  }: { ready?: string; suspend?: boolean; annotation?: string } = {},
) {
  const said = { type: 'Ready', status: 'False', reason: ready, message: `because ${ready}` } as const;
  const conditions = setCondition([], said, noon);
  return aRotation(
    { suspend },
    {
      annotations: { [rotateNowAnnotation]: annotation },
      status: { targets: 150, waiting: 0, active: 0, parked: 0, observedRotateNow: wish, conditions, ...status },
    },
  );
}

it('is done when the manager has seen the wish and no guest is left, whatever the list of the first hundred shows', () => {
  expect(rotationProgress(wish, standing({ waiting: 40, active: 10 }))).toEqual({
    state: 'going',
    rotated: 100,
    targets: 150,
  });
  expect(rotationProgress(wish, standing({}))).toEqual({ state: 'rotated', rotated: 150, targets: 150 });
});

it('takes nothing for done that was said before the manager saw the wish, however rotated all guests were', () => {
  const before = standing({ observedRotateNow: 'an earlier one' });

  expect(rotationProgress(wish, before)).toMatchObject({ state: 'going', rotated: 0 });
  expect(rotationProgress(wish, before).why).toContain('no manager has taken it up yet');
});

it('is stuck when a guest is parked, a new one or an old one, and no other is left', () => {
  const parked = { ready: 'GuestsParked' };

  expect(rotationProgress(wish, standing({ parked: 1, waiting: 1 }, parked))).toMatchObject({
    state: 'going',
    why: 'because GuestsParked',
  });
  expect(rotationProgress(wish, standing({ parked: 1 }, parked))).toEqual({
    state: 'stuck',
    rotated: 149,
    targets: 150,
    why: 'because GuestsParked',
  });
});

it('gives guests that were parked before their new chance', () => {
  const before = standing({ parked: 1, observedRotateNow: 'an earlier one' }, { ready: 'GuestsParked' });

  expect(rotationProgress(wish, before)).toMatchObject({ state: 'going' });
});

it.each(['YescryptUnavailable', 'NoGuestsMatched'])('is stuck for %s', (ready) => {
  expect(rotationProgress(wish, standing({}, { ready }))).toMatchObject({ state: 'stuck' });
});

it('is stuck when it is suspended', () => {
  expect(rotationProgress(wish, standing({}, { suspend: true }))).toMatchObject({ state: 'stuck' });
});

it('is stuck when somebody takes the wish back', () => {
  expect(rotationProgress(wish, standing({}, { annotation: 'of another' }))).toMatchObject({ state: 'stuck' });
});
