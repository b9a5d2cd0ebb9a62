import { describe, expect, it } from 'vitest';
import { freezeAction } from '../../../../src/agent/actions/freeze-action.ts';
import { worthOf } from '../../../../src/guest/freeze-worth.ts';
import { systemClock } from '../../../../src/seams/clock.ts';
import { SimulatedFreezer } from '../../support/simulated-freezer.ts';
import { abandon, clock, folder, hold, live, noteOf, runIn, sentIn, until, useLives } from './lives.ts';

useLives();

describe('a guest that leaves the host while it is held', () => {
  /** As the journal and the Guest have it. */
  async function left(detail: 3 | 4) {
    const freezer = new SimulatedFreezer();
    const state = folder();
    const life = await live(freezer, state);
    const holder = life.keeper.begin(life.guest, 'task', hold());
    await until(() => holder.hold.stage === 'held');
    Object.assign(freezer, { state: 'shutoff', saved: detail === 4 });
    freezer.tell({ type: 'lifecycle', uuid: 'uuid', event: 'stopped', detail });
    await until(() => noteOf(life.journal)?.stage === 'away');
    return { freezer, state, life, holder };
  }

  function comesBack(freezer: SimulatedFreezer, event?: 'started' | 'resumed'): void {
    Object.assign(freezer, { state: 'running', saved: false });
    if (event) freezer.tell({ type: 'lifecycle', uuid: 'uuid', event, detail: 0 });
  }

  it.each([
    ['moves', 3, 'resumed', 'Migration'],
    ['is saved to disk', 4, 'started', 'Somebody'],
  ] as const)('and %s is owed the thaw until it is back', async (_, detail, event, endedBy) => {
    const { freezer, life, holder } = await left(detail);

    expect(life.guest.freezeView).toMatchObject({ held: false, thawOwed: true });
    expect(life.guest.occupiedBut('another')).toEqual({ task: 'team-a/backup', frozen: true });
    expect(freezer.calls).not.toContain('thaw');
    comesBack(freezer, event);

    expect(worthOf(await holder.done).result).toMatchObject({ verdict: 'ConsistencyLost', endedBy });
    expect(freezer.frozen).toBe(false);
    await until(() => life.guest.freezeView === undefined);
  });

  it('is thawed when it is restored though no event told of either', async () => {
    const freezer = new SimulatedFreezer();
    const { keeper, guest } = await live(freezer, folder());
    const holder = keeper.begin(guest, 'task', hold());
    await until(() => holder.hold.stage === 'held');

    Object.assign(freezer, { state: 'shutoff', saved: true });
    await until(() => holder.hold.stage === 'away');
    comesBack(freezer);
    await holder.done;

    expect(freezer.frozen).toBe(false);
  });

  it('keeps no process from ending, and is thawed by a later life of it', async () => {
    const { freezer, state, life } = await left(4);
    const before = clock.monotonic();

    await life.end();
    expect(clock.monotonic() - before).toBeLessThan(3000);
    expect(noteOf(life.journal)?.stage).toBe('away');
    const next = await live(freezer, state);
    await systemClock.sleep(20);
    expect(next.guest.freezeView?.thawOwed).toBe(true);
    comesBack(freezer, 'started');
    await until(() => noteOf(next.journal)?.stage === 'over');

    expect(freezer.frozen).toBe(false);
  });

  it('is left to the host that has its task now', async () => {
    const { freezer, holder } = await left(3);

    holder.forsake();

    expect(await holder.done).toMatchObject({ stage: 'over', result: { thawOwed: true } });
    expect(freezer.calls).not.toContain('thaw');
  });

  it('is thawed by this one after all when it and its task come back before that was noted', async () => {
    const { freezer, state, life, holder } = await left(3);
    holder.forsake();
    await holder.done;
    await life.end();
    comesBack(freezer);

    const next = await live(freezer, state);
    await abandon(next);

    expect(freezer.frozen).toBe(false);
  });

  it('says so in its task, and what became of it once it is thawed', async () => {
    const { freezer, life } = await left(4);
    const { run, shown } = runIn(life, { sentBefore: sentIn(life) });
    const ending = freezeAction.run(run);
    await until(() => shown.length > 0);

    expect(shown).toEqual([
      expect.objectContaining({
        phase: 'Running',
        reason: 'ThawOwed',
        message: 'the guest was saved to disk, frozen perhaps: it is thawed as soon as it runs again',
        freeze: expect.objectContaining({ thawOwed: true }) as unknown,
      }),
    ]);
    comesBack(freezer, 'started');
    const { freeze, ...rest } = (await ending) ?? {};
    expect(rest).toEqual({
      phase: 'Failed',
      reason: 'ConsistencyLost',
      message: 'the guest was saved to disk while it was frozen',
    });
    expect(freeze).not.toHaveProperty('thawOwed');
  });
});
