import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { launchOf } from '../../../src/guest/exec-launch.ts';
import { type ExecRun, runExec } from '../../../src/guest/exec-run.ts';
import { GuestAgent } from '../../../src/guest/guest-agent.ts';
import { type Clock, systemClock } from '../../../src/seams/clock.ts';
import { type Fault, SimulatedGuest, startsIn } from './simulated-guest.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-exec-run-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Waits are a twentieth of what they say: the shells are real, so time has to be, too. */
const fastClock: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) };

function setUp() {
  const folder = mkdtempSync(join(root, 'guest-'));
  const guest = new SimulatedGuest(join(folder, 'run'));
  const id = randomUUID();
  const launch = {
    ...launchOf({}, undefined),
    command: ['sh', '-c', `echo started >>${folder}/starts; sleep 0.02; echo out; exit 3`],
  };
  const withdraw = new AbortController();
  const signals = { stopped: AbortSignal.timeout(25_000), withdrawn: withdraw.signal };
  const run = (more: Partial<ExecRun> = {}) =>
    runExec(new GuestAgent(guest, 'uuid'), { id, launch, bootId, ...more }, fastClock, signals);
  return { folder, guest, run, withdraw, starts: () => startsIn(folder, 'starts') };
}

const itsResult = { kind: 'ended', report: { state: 'done', how: 'exit', code: 3, stdoutBytes: 4 } };

it('gets the result with one launch', async () => {
  const { guest, run, starts } = setUp();
  const calls: string[] = [];
  guest.faultOf = (command) => (calls.push(command), 'none');

  expect(await run()).toMatchObject(itsResult);

  expect(starts()).toBe(1);
  expect(calls.filter((command) => command === 'guest-exec')).toHaveLength(1);
});

it.each(['lost', 'answerLost', 'late'] as const)(
  'starts the command once when the first launch is %s',
  async (fault) => {
    const { guest, run, starts } = setUp();
    let first = true;
    guest.faultOf = (command) => {
      if (command !== 'guest-exec' || !first) return 'none';
      first = false;
      return fault;
    };

    expect(await run()).toMatchObject(itsResult);

    await guest.settled();
    expect(starts()).toBe(1);
  },
);

it('starts nothing in another boot than the one it was meant for', async () => {
  const { run, starts } = setUp();

  expect(await run({ bootId: randomUUID() })).toEqual({ kind: 'otherBoot', bootId });
  expect(starts()).toBe(0);
});

it('starts nothing again when a lost launch may have been in an earlier boot', async () => {
  const { run, starts } = setUp();

  expect(await run({ sentBefore: { bootId: randomUUID() } })).toMatchObject({
    kind: 'unknown',
    reason: 'GuestRebooted',
  });
  expect(await run({ sentBefore: {} })).toMatchObject({ kind: 'unknown', reason: 'OutcomeUnknown' });
  expect(starts()).toBe(0);
});

it('starts what an earlier life of the process meant to start, when it finds no trace of it in the same boot', async () => {
  const { guest, run, starts } = setUp();
  let launches = 0;
  guest.faultOf = (command) => (command === 'guest-exec' && launches++, 'none');

  expect(await run({ sentBefore: { bootId } })).toMatchObject(itsResult);

  expect({ starts: starts(), launches }).toEqual({ starts: 1, launches: 2 });
});

it('reports a refusal without having started anything', async () => {
  const { guest, run, starts } = setUp();
  const agentCommand = guest.agentCommand.bind(guest);
  guest.agentCommand = (uuid, request) => agentCommand(uuid, request.replace('guest-exec', 'guest-nothing'));

  expect(await run()).toMatchObject({ kind: 'notStarted', error: { code: 'Refused' } });
  expect(starts()).toBe(0);
});

it('does not take a command for unstarted because a look at it was not sent', async () => {
  const { guest, run, starts, folder } = setUp();
  guest.info = () => ({ uri: 'simulated:///', libvirtVersion: '11.3.0', hypervisorVersion: 'simulated 1.0.0' });
  let launches = 0;
  guest.faultOf = (command) => (command === 'guest-exec' && ++launches === 2 ? 'lost' : 'none');
  const command = ['sh', '-c', `echo started >>${folder}/starts; sleep 2.5; echo out; exit 3`];

  expect(await run({ launch: { ...launchOf({}, undefined), command } })).toMatchObject(itsResult);

  expect(launches).toBeGreaterThan(1);
  expect(starts()).toBe(1);
});

it('gets the result from the spool when the agent in the guest was restarted in the midst', async () => {
  const { guest, run, starts } = setUp();
  let looks = 0;
  guest.faultOf = (command) => {
    if (command === 'guest-exec-status' && ++looks === 2) guest.restartAgent();
    return 'none';
  };

  expect(await run()).toMatchObject(itsResult);
  expect(starts()).toBe(1);
});

it('ends the command when it is withdrawn, and tells how that went', async () => {
  const { run, withdraw, starts } = setUp();
  const command = ['sh', '-c', 'sleep 20'];

  const ending = run({
    launch: { ...launchOf({}, undefined), command, graceSeconds: 1 },
    onProgress: () => withdraw.abort(),
  });

  expect(await ending).toMatchObject({ kind: 'ended', report: { how: 'signal', code: 143, killed: true } });
  expect(starts()).toBe(0);
});

it('tells as it ended what had ended by itself before it was withdrawn', async () => {
  const { run, withdraw } = setUp();
  await run();
  withdraw.abort();

  const ended = { kind: 'ended', report: { how: 'exit', code: 3, killed: false } };
  expect(await run({ sentBefore: { bootId } })).toMatchObject(ended);
});

it('starts nothing that was withdrawn before it was sent', async () => {
  const { run, withdraw, starts } = setUp();
  withdraw.abort();

  expect(await run()).toEqual({ kind: 'withdrawn' });
  expect(starts()).toBe(0);
});

it('keeps a launcher that comes late from starting what was withdrawn', async () => {
  const { guest, run, withdraw, starts } = setUp();
  let first = true;
  guest.faultOf = (command) => {
    if (command !== 'guest-exec' || !first) return 'none';
    first = false;
    withdraw.abort();
    return 'late';
  };

  expect(await run()).toEqual({ kind: 'withdrawn' });

  await guest.settled();
  expect(starts()).toBe(0);
});

it('is found again by a later life of the process, as often as needed', async () => {
  const { guest, run, starts } = setUp();
  await run();

  expect(await run({ sentBefore: { bootId } })).toMatchObject(itsResult);
  expect(await run({ sentBefore: {} })).toMatchObject(itsResult);

  await guest.settled();
  expect(starts()).toBe(1);
});

it('starts the command at most once and never loses its result under any mix of faults', {
  timeout: 30_000,
}, async () => {
  const seeds = Array.from({ length: 32 }, (_, index) => Number(process.env['SEED'] ?? index + 1));

  await Promise.all(
    seeds.map(async (seed) => {
      const random = generator(seed);
      const { guest, run, starts } = setUp();
      let faults = 8;
      guest.faultOf = (): Fault => {
        if (faults-- <= 0) return 'none';
        if (random() < 0.1) guest.restartAgent();
        return (['none', 'none', 'lost', 'answerLost', 'late'] as const)[Math.floor(random() * 5)] ?? 'none';
      };

      const end = await run();

      await guest.settled();
      expect({ seed, end, starts: starts() }).toMatchObject({ seed, end: itsResult, starts: 1 });
    }),
  );
});

/** Mulberry32: small, seeded, good enough to mix faults. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
