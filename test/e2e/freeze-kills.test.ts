import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestTask } from '../../src/api/resources.ts';
import type { FreezeResult } from '../../src/api/schema/freeze.ts';
import { type ControlPlane, startControlPlane } from '../harness/control-plane.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { baseManifests } from '../harness/vitest/shared.ts';
import { type WriteWatcher, watchWrites } from '../harness/watch-writes.ts';
import { namespace, useFreezes } from './freeze-fixture.ts';
import { type SeverableNetwork, startSeverableNetwork } from './severable-network.ts';

const folder = testFolder();
let controlPlane: ControlPlane;
let network: SeverableNetwork;
beforeAll(async () => {
  controlPlane = await startControlPlane({
    dir: folder('cp'),
    manifests: baseManifests,
    controllerManager: false,
  });
  network = await startSeverableNetwork(controlPlane.kubeconfig);
});
afterAll(async () => {
  await network?.close();
  await controlPlane?.stop();
});
const freezes = useFreezes('kills-node', { cluster: () => controlPlane, kubeconfig: () => network.kubeconfig });

/** What each guest is in the midst of when something dies. */
const steps = ['preparing', 'journalled', 'freezing', 'held', 'thawing'] as const;
type Step = (typeof steps)[number];

interface Subject {
  guest: TestGuest;
  writes: WriteWatcher;
}

const maxFrozenSeconds = 5;
/** One call to a guest at its worst, on a machine that has other things to do. */
const rpcMs = 6000;
const guardGraceMs = 5000;
/** A line on the console may come that late after its write. */
const toleranceMs = 600;

/** Slow hooks of qemu-ga make a freeze and a thaw take their time, where the guest says so. */
const hook = `cat >/tmp/hook <<'EOF'
#!/bin/sh
echo "$1" >>/tmp/hook-log
sleep "$(cat /tmp/slow-$1 2>/dev/null || echo 0)"
EOF
chmod +x /tmp/hook`;

const subjects = {} as Record<Step, Subject>;
beforeAll(async () => {
  const guests = await Promise.all(
    steps.map((step) =>
      sharedHypervisor().defineGuest({ name: `kill-${step}`, namespace, agentArgs: ['--fsfreeze-hook=/tmp/hook'] }),
    ),
  );
  await Promise.all(
    guests.map(async (guest, index) => {
      await guest.waitForAgent();
      await guest.sh(hook);
      subjects[steps[index] as Step] = { guest, writes: await watchWrites(guest) };
    }),
  );
});
afterAll(async () => {
  await Promise.all(
    Object.values(subjects).map(async ({ guest, writes }) => {
      await writes.stop();
      await guest.undefine();
    }),
  );
});

async function slow(step: Step, what: 'freeze' | 'thaw', seconds: number): Promise<void> {
  await subjects[step].guest.sh(`rm -f /tmp/hook-log; echo ${seconds} >/tmp/slow-${what}`);
}

async function hookRuns(step: Step, what: 'freeze' | 'thaw'): Promise<void> {
  await eventually(async () => (await subjects[step].guest.sh('cat /tmp/hook-log')).stdout.includes(what), {
    what: `the hook of kill-${step} to run for ${what}`,
    timeoutMs: 20_000,
  });
}

/** Starts one freeze per guest and brings each to its step; their tasks' names. */
async function bringToSteps(): Promise<Record<Step, string>> {
  const freeze = { maxFrozenSeconds };
  const hooks = { before: [{ name: 'slow', command: ['sleep', '3'] }] };
  const [journalled] = await Promise.all([
    freezes.freeze(subjects.journalled.guest, { ...freeze, barrier: true }),
    slow('freezing', 'freeze', 4),
    slow('thawing', 'thaw', 3),
  ]);
  await freezes.until(journalled, ({ reason }) => reason === 'Prepared');
  const thawing = await freezes.freeze(subjects.thawing.guest, freeze);
  await freezes.held(thawing);
  const freezeAt = `${new Date(Date.now() + 4000).toISOString().slice(0, 23)}000Z`;

  const [preparing, freezing, held] = await Promise.all([
    freezes.freeze(subjects.preparing.guest, { ...freeze, hooks }),
    freezes.freeze(subjects.freezing.guest, freeze),
    freezes.freeze(subjects.held.guest, freeze),
    freezes.patch(thawing, { release: true }),
    freezes.patch(journalled, { freezeAt }),
  ]);
  await Promise.all([
    hookRuns('freezing', 'freeze'),
    hookRuns('thawing', 'thaw'),
    inJournal(journalled),
    freezes.held(held),
  ]);
  return { preparing, journalled, freezing, held, thawing };
}

async function inJournal(name: string): Promise<void> {
  await eventually(() => freezes.journal().includes(`"task":"${namespace}/${name}"`), {
    what: `${name} to be in the journal`,
    timeoutMs: 10_000,
    intervalMs: 10,
  });
}

interface Fault {
  happen(): Promise<void>;
  /** So long that whatever is frozen has to be let go in its midst. */
  lastsMs: number;
  heal(): Promise<void>;
  /** How long a guest may be frozen in its midst. */
  longestMs: number;
  /** Who lets go of the guest that is held, where only one is left to do so. */
  heldEnds?: FreezeResult['endedBy'];
}

const withoutGuard = maxFrozenSeconds * 1000 + rpcMs;
const onlyTheGuard = withoutGuard + guardGraceMs;
const untilDeadline = (maxFrozenSeconds + 3) * 1000;
const untilGuard = maxFrozenSeconds * 1000 + guardGraceMs + 2000;

const faults: Record<string, Fault> = {
  'the agent is killed, and started anew at once': {
    happen: () => freezes.agent().restart(),
    lastsMs: 0,
    heal: async () => {},
    longestMs: withoutGuard,
  },
  'the agent is killed': {
    happen: () => freezes.agent().kill(),
    lastsMs: untilGuard,
    heal: () => freezes.agent().restart(),
    longestMs: onlyTheGuard,
    heldEnds: 'Guard',
  },
  'the agent is stopped': {
    happen: () => freezes.agent().kill('SIGSTOP'),
    lastsMs: untilGuard,
    heal: () => freezes.agent().kill('SIGCONT'),
    longestMs: onlyTheGuard,
    heldEnds: 'Guard',
  },
  'libvirtd is killed': {
    happen: () => sharedHypervisor().killLibvirtd(),
    lastsMs: untilGuard,
    heal: () => sharedHypervisor().startLibvirtd(),
    longestMs: onlyTheGuard,
    heldEnds: 'Guard',
  },
  'libvirtd is stopped': {
    happen: () => sharedHypervisor().killLibvirtd('SIGSTOP'),
    lastsMs: untilGuard,
    heal: () => sharedHypervisor().killLibvirtd('SIGCONT'),
    longestMs: onlyTheGuard,
    heldEnds: 'Guard',
  },
  'the API server is killed': {
    happen: () => controlPlane.killApiServer(),
    lastsMs: untilDeadline,
    heal: () => controlPlane.startApiServer(),
    longestMs: withoutGuard,
    heldEnds: 'Deadline',
  },
  'the API server is stopped': {
    happen: () => controlPlane.killApiServer('SIGSTOP'),
    lastsMs: untilDeadline,
    heal: () => controlPlane.killApiServer('SIGCONT'),
    longestMs: withoutGuard,
    heldEnds: 'Deadline',
  },
  'the network to the API server is cut': {
    happen: async () => network.cut(),
    lastsMs: untilDeadline,
    heal: async () => network.mend(),
    longestMs: withoutGuard,
    heldEnds: 'Deadline',
  },
};

describe.each(Object.entries(faults))('%s while guests are at every step of a freeze', (_, fault) => {
  it('leaves none frozen for longer than was allowed, and calls none consistent that was not', async () => {
    const tasks = await bringToSteps();
    const since = Date.now();

    await fault.happen();
    await delay(fault.lastsMs);
    await fault.heal();

    await Promise.all(steps.map((step) => expectGoodEnd(step, tasks[step], fault, since)));
  });
});

async function expectGoodEnd(step: Step, task: string, { heldEnds, longestMs }: Fault, since: number): Promise<void> {
  const { guest, writes } = subjects[step];
  const status = await freezes.ended(task, 90_000);
  expectTruth(step, status, writes);
  if (step === 'held' && heldEnds) expect(status.freeze.endedBy).toBe(heldEnds);
  expect(longestFrozenMs(writes, since), step).toBeLessThanOrEqual(longestMs);
  await guest.sh('rm -f /tmp/slow-*');
  expect(await guest.agent('guest-fsfreeze-status')).toBe('thawed');
}

/** What a task says is true by the guest's own writes. */
function expectTruth(step: Step, { freeze = {} }: NonNullable<GuestTask['status']>, writes: WriteWatcher): void {
  expect(freeze, step).not.toHaveProperty('thawOwed');
  if (freeze.verdict !== 'Consistent') return;
  const from = Date.parse(freeze.frozenAt ?? '');
  const to = Date.parse(freeze.thawRequestedAt ?? '');
  // One that was so short may have met no write.
  if (to - from < toleranceMs) return;
  const whole = writes
    .frozenIntervals()
    .filter((interval) => interval.from <= from + toleranceMs && (interval.to ?? to) >= to);
  expect({ step, from, to, whole: whole.length }).toEqual({ step, from, to, whole: 1 });
}

/** The longest freeze of those that lasted at `since` or came later. */
function longestFrozenMs(writes: WriteWatcher, since: number): number {
  const now = Date.now();
  const lengths = writes
    .frozenIntervals()
    .filter(({ to = now }) => to >= since)
    .map(({ from, to = now }) => to - from);
  return Math.max(0, ...lengths);
}

describe('an agent without an API server', () => {
  const hold = { maxFrozenSeconds: 10 };

  it('thaws when it is asked to end, and tells so in its next life', async () => {
    const { guest, writes } = subjects.held;
    const name = await freezes.freeze(guest, hold);
    await freezes.held(name);
    network.cut();

    await freezes.agent().kill('SIGTERM');

    await writes.nextWrite(hold.maxFrozenSeconds * 1000);
    network.mend();
    await freezes.agent().restart();
    expect(await freezes.ended(name)).toMatchObject({
      phase: 'Failed',
      reason: 'AgentShutdown',
      freeze: { verdict: 'Consistent', endedBy: 'AgentShutdown', filesystems: { frozen: 1, thawed: 1 } },
    });
  });

  it('thaws in time what an earlier life of it froze', async () => {
    const { guest, writes } = subjects.held;
    const name = await freezes.freeze(guest, hold);
    await freezes.held(name);
    network.cut();

    await freezes.agent().restart();

    await writes.nextWrite((hold.maxFrozenSeconds + 10) * 1000);
    network.mend();
    expect(await freezes.ended(name)).toMatchObject({
      phase: 'Succeeded',
      freeze: { verdict: 'Consistent', endedBy: 'Deadline' },
    });
  });

  it('thaws what belongs to a task that was deleted while it was away', async () => {
    const { guest, writes } = subjects.held;
    const name = await freezes.freeze(guest, { maxFrozenSeconds: 300 });
    await freezes.held(name);
    await freezes.agent().kill();
    await freezes.remove(name);

    await freezes.agent().restart();

    await writes.nextWrite(60_000);
    await eventually(() => freezes.journal().trimEnd().endsWith('"entry":null}'), {
      what: 'the journal to forget it',
      timeoutMs: 10_000,
    });
  });
});

describe('a freeze that outlasts its time in the guest', () => {
  it('owes a thaw until it has come true and was thawed', async () => {
    const { guest, writes } = subjects.freezing;
    await slow('freezing', 'freeze', 8);
    const since = Date.now();
    const name = await freezes.freeze(guest, { maxFrozenSeconds: 2 });

    const owed = await freezes.until(name, ({ freeze }) => freeze?.thawOwed === true);
    expect(owed).toMatchObject({ phase: 'Running', reason: 'ThawOwed' });
    expect(await freezes.agent().metrics()).toMatch(/^qga_thaws_owed 1$/m);

    const { phase, reason, freeze } = await freezes.ended(name);
    expect({ phase, reason }).toEqual({ phase: 'Failed', reason: 'FreezeUnanswered' });
    expect(freeze).toMatchObject({ verdict: 'ConsistencyLost', endedBy: 'FreezeFailed' });
    expect(freeze).not.toHaveProperty('thawOwed');
    expect(await guest.agent('guest-fsfreeze-status')).toBe('thawed');
    expect((await guest.sh('cat /tmp/hook-log')).stdout).toBe('freeze\nthaw\n');
    await guest.sh('rm -f /tmp/slow-*');
    expect(longestFrozenMs(writes, since)).toBeLessThan(2000 + rpcMs);
  });
});
