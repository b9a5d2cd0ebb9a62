import { expect, it } from 'vitest';
import { clockDrift } from '../../../src/agent/clock-drift.ts';
import { callPriority, GuestAgent } from '../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { guestPing } from '../../../src/qga/commands.ts';
import { FakeClock } from '../support/fake-clock.ts';

it('measures a guest’s clock by the way there and back, not by how long the question waited for its turn', async () => {
  const clock = new FakeClock();
  const hypervisor: Pick<Hypervisor, 'info' | 'agentCommand'> = {
    info: () => undefined,
    async agentCommand(_uuid, command, { beforeSent }) {
      await beforeSent?.();
      const asksForTime = command.includes('guest-get-time');
      await clock.sleep(asksForTime ? 10 : 60_000);
      return JSON.stringify({ return: asksForTime ? (clock.now() + 2000) * 1_000_000 : {} });
    },
  };
  const agent = new GuestAgent(hypervisor as Hypervisor, 'uuid');
  const busy = agent.call(guestPing, {}, { priority: callPriority.action });
  const drift = clockDrift(agent, clock, new AbortController().signal);

  await clock.advance(70_000);

  await busy;
  expect(await drift).toMatchObject({ driftMilliseconds: 2005 });
});
