import { expect, it } from 'vitest';
import { BarrierLead } from '../../../src/manager/barrier-lead.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { aFreezeTask, after, aGuest, aWindow, prepared, preparing } from './objects.ts';

const [a, b] = [aGuest('a'), aGuest('b')];
const window = aWindow();

it('is twice as long as the slowest guest took to be prepared', async () => {
  const clock = new FakeClock();
  const lead = new BarrierLead(clock);
  lead.begin(aFreezeTask(window, a));
  lead.begin(aFreezeTask(window, b));

  await clock.advance(700);
  lead.look([aFreezeTask(window, a, prepared), aFreezeTask(window, b, preparing)]);
  await clock.advance(800);
  lead.look([aFreezeTask(window, a, prepared), aFreezeTask(window, b, prepared)]);

  expect(lead.ms).toBe(3000);
});

it('leaves out how long hooks took, and is never very short or long', async () => {
  const clock = new FakeClock();
  const lead = new BarrierLead(clock);
  const hooked = {
    ...prepared,
    freeze: { preparedAt: after(500), hooks: [{ name: 'h', when: 'before' as const, seconds: 60 }] },
  };
  lead.begin(aFreezeTask(window, a));
  lead.begin(aFreezeTask(window, b));

  await clock.advance(60_100);
  lead.look([aFreezeTask(window, a, hooked)]);
  expect(lead.ms).toBe(500);

  lead.look([aFreezeTask(window, b, prepared)]);
  expect(lead.ms).toBe(5000);
});

it('is generous without a measure, as after a restart', () => {
  const lead = new BarrierLead(new FakeClock());

  lead.look([aFreezeTask(window, a, prepared)]);

  expect(lead.ms).toBe(2000);
});
