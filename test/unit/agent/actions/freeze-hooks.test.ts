import { expect, it } from 'vitest';
import { runHooks } from '../../../../src/agent/actions/freeze-hooks.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { SimulatedFreezer, silence } from '../../support/simulated-freezer.ts';

it('tells as it ended a hook that had ended by itself when its time was over, though nobody had heard of it', async () => {
  const freezer = new SimulatedFreezer();
  const clock = new FakeClock();
  let sent = 0;
  freezer.before = (call) => {
    if (call !== 'exec' || ++sent > 1) return;
    // It runs at once; its answer is lost, and before the next look its time is over.
    freezer.started.set('uid-before-0', 'stop-writes');
    throw silence();
  };
  const guest = new LiveGuest(new GuestAgent(freezer, 'uuid'));
  const stopped = new AbortController().signal;

  const hooks = [{ name: 'stop-writes', command: ['stop-writes'], timeoutSeconds: 0.1 }];
  const results = runHooks({ when: 'before', hooks }, { guest, uid: 'uid', sentBefore: undefined, clock, stopped });
  void clock.advance(60_000);

  expect(await results).toEqual([{ name: 'stop-writes', when: 'before', exitCode: 0, seconds: expect.any(Number) }]);
});
