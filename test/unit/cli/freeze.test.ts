import { describe, expect, it, vi } from 'vitest';
import type { FsFreezeWindow } from '../../../src/api/resources.ts';
import { type FsFreezeWindowStatus, fsFreezeWindowSpec } from '../../../src/api/schema/fs-freeze-window.ts';
import { exitCodeOfFreeze, type FreezeStory, isDecided, verdictLines } from '../../../src/cli/freeze/outcome.ts';
import { releaseWindow } from '../../../src/cli/freeze/release.ts';
import { windowOf } from '../../../src/cli/freeze/window.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { after, aWindow } from '../manager/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { MemoryCluster } from '../support/memory-cluster.ts';

const good: FsFreezeWindowStatus = {
  phase: 'Completed',
  verdict: 'Consistent',
  endedBy: 'Release',
  frozenAt: after(0),
  completionTime: after(5000),
};
const neverFrozen: FsFreezeWindowStatus = {
  phase: 'Failed',
  failureReason: 'NotPrepared',
  completionTime: after(5000),
};

function story(more: Partial<FreezeStory> = {}, status: FsFreezeWindowStatus = good): FreezeStory {
  return {
    window: aWindow({}, status),
    releasedByUs: true,
    command: { exitCode: 0, signal: undefined },
    hasCommand: true,
    interruptedBy: undefined,
    ...more,
  };
}

const without = { command: undefined, hasCommand: false };

describe('the exit code of a freeze', () => {
  it.each<[string, FreezeStory, number]>([
    ['0 where the command succeeded and its copy is consistent', story(), 0],
    ['the command’s own where it failed', story({ command: { exitCode: 7, signal: undefined } }), 7],
    [
      'as a shell’s where a signal ended the command',
      story({ command: { exitCode: undefined, signal: 'SIGKILL' } }),
      137,
    ],
    ['123 where consistency was lost', story({}, { ...good, verdict: 'ConsistencyLost', phase: 'Failed' }), 123],
    ['123 where some guests were not frozen', story({}, { ...good, verdict: 'CrashConsistent' }), 123],
    ['123 where somebody let the guests go before the command was done', story({ releasedByUs: false }), 123],
    ['123 where the command never had its turn', story({ command: undefined }), 123],
    ['125 where not all were frozen', story({ command: undefined }, neverFrozen), 125],
    ['125 where nobody knows', story({ window: undefined }), 125],
    ['130 after Ctrl-C', story({ command: undefined, interruptedBy: 'SIGINT' }), 130],
    ['143 after SIGTERM', story({ command: undefined, interruptedBy: 'SIGTERM' }), 143],
    ['0 where a person ends it by Ctrl-C, and it was consistent', story({ ...without, interruptedBy: 'SIGINT' }), 0],
    [
      '130 where a person gave up before it was frozen',
      story({ ...without, interruptedBy: 'SIGINT' }, neverFrozen),
      130,
    ],
    [
      '0 where it was to last as long as it lasts',
      story({ ...without, releasedByUs: false }, { ...good, endedBy: 'Deadline' }),
      0,
    ],
  ])('is %s', (_, told, code) => {
    expect(exitCodeOfFreeze(told)).toBe(code);
  });
});

it('tells the verdict on each guest, and why the copy is to be thrown away', () => {
  const guests = [
    {
      name: 'web-1',
      phase: 'Failed',
      reason: 'ConsistencyLost',
      message: 'somebody thawed it',
      verdict: 'ConsistencyLost',
      attempts: 1,
      frozenAt: after(0),
      thawRequestedAt: after(1500),
      endedBy: 'Somebody',
      filesystems: { expected: 2, frozen: 2, thawed: 0 },
    } as const,
  ];
  const status: FsFreezeWindowStatus = {
    ...good,
    phase: 'Failed',
    verdict: 'ConsistencyLost',
    failureReason: 'ConsistencyLost',
    guests,
    targets: 1,
  };

  expect(verdictLines(story({}, status), plain)).toEqual([
    'GUEST   VERDICT           FILESYSTEMS   FROZEN   ENDED-BY   WHAT',
    'web-1   ConsistencyLost   2/2           1.5s     Somebody   somebody thawed it',
    'Not consistent: ConsistencyLost',
  ]);
});

it('says that the freeze was too short for the command', () => {
  const told = story({ releasedByUs: false }, { ...good, endedBy: 'Deadline' });

  expect(verdictLines(told, plain).at(-1)).toBe(
    'Not consistent: the freeze ended before the command did: its time was up, raise --for',
  );
});

it('waits until all are frozen, or never will be', () => {
  const window = (status: FsFreezeWindowStatus) => aWindow({}, status);

  expect(isDecided(window({ phase: 'Preparing' }))).toBe(false);
  expect(isDecided(window({ phase: 'Frozen' }))).toBe(true);
  expect(isDecided(window({ phase: 'Thawing', endedBy: 'Failure' }))).toBe(true);
  expect(isDecided(window({ phase: 'Pending', failureReason: 'NoGuestsMatched' }))).toBe(true);
});

it('makes a window that the API takes', () => {
  const request = {
    target: { guestName: 'web-1' },
    seconds: 60,
    group: false,
    policy: 'Skip',
    waitSeconds: 30,
  } as const;
  const { spec } = windowOf({ ...request, mountpoints: ['/data'] }, { name: 'w', namespace: 'team-a' });

  expect(spec).toMatchObject({ maxFrozenSeconds: 60, consistency: 'PerGuest', policy: 'Skip', mountpoints: ['/data'] });
  expect(fsFreezeWindowSpec.safeParse(spec).success).toBe(true);
});

describe('letting go', () => {
  const never = new AbortController().signal;
  const ref = { namespace: 'team-a', name: 'nightly' };
  const seams = { clock: new FakeClock(), random: fixedRandom };
  const ours = { 'qga.dev/release-id': fixedRandom.uuid() };
  function holding(window: FsFreezeWindow): MemoryCluster {
    const memory = new MemoryCluster();
    memory.objects.set('team-a/nightly', { ...window, metadata: { ...window.metadata, resourceVersion: '7' } });
    return memory;
  }

  it('counts as ours where the guests were still held', async () => {
    const memory = holding(aWindow({}, { phase: 'Frozen' }));

    const patch = vi.spyOn(memory, 'mergePatch');

    expect(await releaseWindow(memory.cluster, ref, seams, never)).toEqual({ state: 'released' });
    expect(patch.mock.calls[0]?.[2]).toEqual({
      metadata: { resourceVersion: '7', annotations: ours },
      spec: { release: true },
    });
  });

  it.each<[string, FsFreezeWindow]>([
    ['somebody else released them', aWindow({ release: true }, { phase: 'Frozen' })],
    ['their time was up', aWindow({}, { phase: 'Thawing', endedBy: 'Deadline' })],
  ])('does not count as ours where %s', async (_, window) => {
    const { cluster } = holding(window);

    expect(await releaseWindow(cluster, ref, seams, never)).toMatchObject({ state: 'tooLate' });
  });

  it('is sent, but does not count as ours, where one guest was lost and the others are still held', async () => {
    const memory = holding(aWindow({ consistency: 'PerGuest' }, { phase: 'Frozen', failureReason: 'ConsistencyLost' }));

    expect(await releaseWindow(memory.cluster, ref, seams, never)).toEqual({
      state: 'tooLate',
      message: 'it had failed: ConsistencyLost',
    });
    expect(memory.objects.get('team-a/nightly')).toMatchObject({ spec: { release: true } });
  });

  it('looks again where somebody changed the window meanwhile', async () => {
    const memory = holding(aWindow({}, { phase: 'Frozen' }));
    let patches = 0;
    memory.beforeCall = (call) => {
      if (call !== 'mergePatch' || ++patches > 1) return;
      memory.objects.set('team-a/nightly', aWindow({ release: true }, { phase: 'Frozen' }));
      throw new ApiError(409, 'Conflict', 'changed');
    };

    expect(await releaseWindow(memory.cluster, ref, seams, never)).toMatchObject({ state: 'tooLate' });
  });

  it.each([
    ['a connection that was cut', new ApiError(0, 'ConnectionLost', 'cut')],
    ['a gateway that had no patience', new ApiError(504, 'Timeout', 'too long')],
  ])('counts as ours though its answer was lost: %s', async (_, lost) => {
    const memory = holding(aWindow({}, { phase: 'Frozen' }));
    vi.spyOn(memory, 'mergePatch').mockImplementationOnce(async (_resource, _ref, patch) => {
      const { metadata, spec } = patch as FsFreezeWindow;
      const { annotations = {} } = metadata;
      const status = { phase: 'Thawing', endedBy: 'Release' } as const;
      memory.objects.set('team-a/nightly', aWindow(spec, status, { annotations }));
      throw lost;
    });
    const clock = new FakeClock();

    const release = releaseWindow(memory.cluster, ref, { ...seams, clock }, never);
    await clock.advance(500);

    expect(await release).toEqual({ state: 'released' });
    expect(memory.objects.get('team-a/nightly')?.metadata.annotations).toEqual(ours);
  });

  it('does not count as ours where somebody else released them while its answer was lost', async () => {
    const memory = holding(aWindow({}, { phase: 'Frozen' }));
    vi.spyOn(memory, 'mergePatch').mockImplementationOnce(async () => {
      const theirs = { annotations: { 'qga.dev/release-id': 'of somebody else' } };
      memory.objects.set('team-a/nightly', aWindow({ release: true }, { phase: 'Frozen' }, theirs));
      throw new ApiError(0, 'ConnectionLost', 'cut');
    });
    const clock = new FakeClock();

    const release = releaseWindow(memory.cluster, ref, { ...seams, clock }, never);
    await clock.advance(500);

    expect(await release).toMatchObject({ state: 'tooLate' });
  });

  it('tries on while the API server is away', async () => {
    const memory = holding(aWindow({}, { phase: 'Frozen' }));
    let calls = 0;
    memory.beforeCall = () => {
      if (++calls < 3) throw new ApiError(0, 'Unreachable', 'away');
    };
    const clock = new FakeClock();

    const release = releaseWindow(memory.cluster, ref, { ...seams, clock }, never);
    await clock.advance(500);
    await clock.advance(500);

    expect(await release).toEqual({ state: 'released' });
  });
});
