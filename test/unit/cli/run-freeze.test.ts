import { describe, expect, it } from 'vitest';
import type { FsFreezeWindow } from '../../../src/api/resources.ts';
import type { FsFreezeWindowStatus } from '../../../src/api/schema/fs-freeze-window.ts';
import { Interrupted } from '../../../src/cli/connect/interruption.ts';
import type { Session } from '../../../src/cli/connect/session.ts';
import { needsOf } from '../../../src/cli/doctor/diagnose-rights.ts';
import { exitCodeOfFreeze } from '../../../src/cli/freeze/outcome.ts';
import { detached, freezeAround } from '../../../src/cli/freeze/run-freeze.ts';
import type { FreezeRequest } from '../../../src/cli/freeze/window.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { thaw } from '../../../src/cli/verbs/thaw.ts';
import { after } from '../manager/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { WatchedCluster } from '../support/watched-cluster.ts';

const ofEach: FreezeRequest = {
  target: { selector: { matchLabels: { app: 'web' } } },
  seconds: 600,
  group: false,
  policy: 'Required',
  mountpoints: [],
  waitSeconds: 60,
};
const frozen: FsFreezeWindowStatus = { phase: 'Frozen', frozenAt: after(0) };
/** One guest of several was lost: the others are still held. */
const broken: FsFreezeWindowStatus = { ...frozen, failureReason: 'ConsistencyLost' };
const over: FsFreezeWindowStatus = {
  ...broken,
  phase: 'Failed',
  verdict: 'ConsistencyLost',
  endedBy: 'Release',
  completionTime: after(5000),
};

/** A person's session, and the window that it makes. */
function aSession() {
  const watched = new WatchedCluster();
  const interrupt = new AbortController();
  const clock = new FakeClock();
  const told: string[] = [];
  const session: Session = {
    cluster: watched as unknown as Session['cluster'],
    server: 'https://api.test',
    namespace: 'team-a',
    clock,
    random: fixedRandom,
    signal: interrupt.signal,
    paint: plain,
    print: () => {},
    tell: (...lines) => told.push(...lines),
  };
  const window = () => [...watched.memory.objects.values()][0] as FsFreezeWindow;
  return {
    session,
    asked: watched.asked,
    clock,
    told,
    interrupt: () => interrupt.abort(new Interrupted('SIGINT')),
    window,
    /** What the manager finds, once everybody has heard of what was before. */
    async finds(status: FsFreezeWindowStatus) {
      await clock.advance(0);
      watched.changeStatus(window().metadata, status);
      await clock.advance(0);
    },
  };
}

describe('a freeze of each guest on its own, one of which is lost', () => {
  it('goes on for the others, says so, and lets them go on Ctrl-C', async () => {
    const { session, finds, interrupt, window, told, clock } = aSession();

    const ended = freezeAround(session, ofEach, []);
    await finds(frozen);
    await finds(broken);
    const releasedUnasked = window().spec.release;
    interrupt();
    await clock.advance(0);
    const released = window().spec.release;
    await finds(over);

    expect([releasedUnasked, released]).toEqual([undefined, true]);
    expect(told.join('\n')).toContain('not all guests are frozen any more');
    expect(exitCodeOfFreeze(await ended)).toBe(123);
  });

  it('lets the others go when the command ends', async () => {
    const { session, finds, window, told } = aSession();

    const ended = freezeAround(session, ofEach, ['sleep', '0.2']);
    await finds(frozen);
    await finds(broken);
    await expect.poll(() => window().spec.release).toBe(true);
    await finds(over);

    const story = await ended;
    expect(story.releasedByUs).toBe(false);
    expect(exitCodeOfFreeze(story)).toBe(123);
    expect(told.join('\n')).toContain('not all guests are frozen any more');
  });

  it('lets the others go where nobody is there to hold them', async () => {
    const { session, finds, window, clock } = aSession();

    const ended = detached(session, ofEach);
    await finds(broken);
    await clock.advance(0);
    const released = window().spec.release;
    await finds(over);

    expect(released).toBe(true);
    expect(await ended).toMatchObject({ frozen: false });
  });
});

describe('a freeze that no manager sees to', () => {
  it.each([
    ['a command', async (session: Session) => freezeAround(session, ofEach, ['true'])],
    ['nobody who stays', async (session: Session) => detached(session, ofEach)],
  ])('is given up a little after --wait, and released, for %s', async (_, freeze) => {
    const { session, window, clock } = aSession();

    const failure = freeze(session).catch((error: unknown) => error);
    await clock.advance(74_000);
    const before = window().spec.release;
    await clock.advance(1000);

    expect(await failure).toMatchObject({ code: 'NoManagerActed', message: expect.stringContaining('doctor') });
    expect([before, window().spec.release]).toEqual([undefined, true]);
  });

  it('has the time that a slow guest takes once a manager has begun with it', async () => {
    const { session, finds, window, clock } = aSession();

    const ended = freezeAround(session, ofEach, ['true']);
    await finds({ phase: 'Preparing' });
    await clock.advance(134_000);
    await finds(frozen);
    await expect.poll(() => window().spec.release).toBe(true);
    await finds({
      ...frozen,
      phase: 'Completed',
      verdict: 'Consistent',
      endedBy: 'Release',
      completionTime: after(5000),
    });

    expect(exitCodeOfFreeze(await ended)).toBe(0);
  });

  it('is given up though a manager had begun with it', async () => {
    const { session, finds, clock } = aSession();

    const failure = freezeAround(session, ofEach, ['true']).catch((error: unknown) => error);
    await finds({ phase: 'Preparing' });
    await clock.advance(135_000);

    expect(await failure).toMatchObject({ code: 'NoManagerActed' });
  });
});

describe('the rights that the doctor asks about are those that are used', () => {
  const good = { ...frozen, phase: 'Completed', verdict: 'Consistent', endedBy: 'Release' } as const;

  it('by a freeze', async () => {
    const { session, asked, finds, window, clock } = aSession();

    const ended = freezeAround(session, ofEach, ['true']);
    await finds(frozen);
    await expect.poll(() => window().spec.release).toBe(true);
    await clock.advance(0);
    await finds({ ...good, completionTime: after(5000) });
    await ended;

    expect([...asked].toSorted()).toEqual(needsOf('freeze').toSorted());
  });

  it('by a thaw', async () => {
    const { session, asked, finds, window } = aSession();
    void detached(session, ofEach);
    await finds(frozen);
    asked.clear();

    const ended = thaw(session, `window/${window().metadata.name}`, { timeout: 60 });
    await finds(frozen);
    await finds({ ...good, completionTime: after(5000) });

    expect(await ended).toBe(0);
    expect([...asked].toSorted()).toEqual(needsOf('thaw').toSorted());
  });
});
