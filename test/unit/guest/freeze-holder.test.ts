import { expect, it } from 'vitest';
import { FreezeGuard } from '../../../src/guest/freeze-guard.ts';
import { FreezeHolder } from '../../../src/guest/freeze-holder.ts';
import { worthOf } from '../../../src/guest/freeze-worth.ts';
import { FreezesUnderWay } from '../../../src/guest/freezes-under-way.ts';
import { GuestAgent } from '../../../src/guest/guest-agent.ts';
import type { Hold } from '../../../src/guest/hold.ts';
import type { AgentCallOptions } from '../../../src/guest/hypervisor.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { SimulatedFreezer } from '../support/simulated-freezer.ts';

/** Its host's common lanes can all be taken, by guests that take their time. Thaws have lanes of their own. */
class FreezerOnBusyHost extends SimulatedFreezer {
  #untilFree = Promise.resolve();

  /** Returns a function that frees them. */
  takeLanes(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#untilFree = promise;
    return resolve;
  }

  override async fsFreeze(_uuid?: string, options?: AgentCallOptions): Promise<number> {
    await this.#lane(options?.signal);
    return await super.fsFreeze();
  }

  override async agentCommand(uuid: string, request: string, options?: AgentCallOptions): Promise<string> {
    await this.#lane(options?.signal);
    return await super.agentCommand(uuid, request);
  }

  async #lane(signal: AbortSignal | undefined): Promise<void> {
    const { promise: gaveUp, reject } = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => reject(signal.reason));
    await Promise.race([this.#untilFree, gaveUp]);
  }
}

function hold(freezer: SimulatedFreezer, maxFrozenMs: number) {
  const clock = new FakeClock();
  const planned: Hold = {
    task: 'team-a/backup',
    maxFrozenMs,
    deadline: clock.now() + maxFrozenMs,
    stage: 'planned',
    result: { guard: 'Armed', bootId: 'boot-1' },
  };
  const agent = new GuestAgent(freezer, 'uuid');
  const holder = new FreezeHolder({
    agent,
    guard: new FreezeGuard(agent, 'task', clock),
    hold: planned,
    clock,
    underWay: new FreezesUnderWay(clock),
    save: async () => {},
    onTrouble: () => {},
    abandoned: new AbortController().signal,
  });
  const { done } = holder;
  /** What it was worth, some time later. */
  const worth = async () => {
    await clock.advance(20_000);
    return worthOf(await done);
  };
  return { clock, holder, worth };
}

it('thaws at once when it is let go, though its look waits for a lane', async () => {
  const freezer = new FreezerOnBusyHost();
  const { clock, holder, worth } = hold(freezer, 60_000);
  await clock.advance(100);
  expect(freezer.frozen).toBe(true);
  const free = freezer.takeLanes();
  await clock.advance(2000);

  holder.end({ by: 'Release' });
  await settled();

  expect(freezer.frozen).toBe(false);
  free();
  expect((await worth()).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Release' });
});

it('thaws at its deadline, though its look waits for a lane', async () => {
  const freezer = new FreezerOnBusyHost();
  const { clock, worth } = hold(freezer, 10_000);
  await clock.advance(8500);
  expect(freezer.frozen).toBe(true);
  const free = freezer.takeLanes();
  await clock.advance(1500);

  expect(freezer.frozen).toBe(false);
  free();
  expect((await worth()).result).toMatchObject({ verdict: 'Consistent', endedBy: 'Deadline' });
});

it('freezes nothing any more when no lane was free until its deadline', async () => {
  const freezer = new FreezerOnBusyHost();
  const free = freezer.takeLanes();
  const { clock, worth } = hold(freezer, 10_000);
  await clock.advance(10_000);
  free();

  const { message, ...outcome } = await worth();

  expect(outcome).toMatchObject({ succeeded: false, reason: 'AgentBusy' });
  expect(message).toContain('other guests');
  expect(outcome.result).not.toHaveProperty('verdict');
  expect(freezer.calls).not.toContain('freeze');
});

it('freezes nothing any more when it is let go before a lane was free', async () => {
  const freezer = new FreezerOnBusyHost();
  const free = freezer.takeLanes();
  const { clock, holder, worth } = hold(freezer, 10_000);
  await clock.advance(1000);
  holder.end({ by: 'Release' });
  await settled();
  free();

  expect(await worth()).toMatchObject({ reason: 'Released', result: { verdict: 'Skipped' } });
  expect(freezer.calls).not.toContain('freeze');
});
