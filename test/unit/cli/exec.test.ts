import { describe, expect, it } from 'vitest';
import type { GuestExecJob } from '../../../src/api/resources.ts';
import { type GuestExecJobStatus, guestExecJobSpec } from '../../../src/api/schema/guest-exec-job.ts';
import { exitCodeOfJob, problemOf } from '../../../src/cli/exec/exit-code.ts';
import { guestProgressLines } from '../../../src/cli/exec/guest-progress.ts';
import { type ExecRequest, jobSpecOf } from '../../../src/cli/exec/job.ts';
import { progressLines, summaryLines } from '../../../src/cli/exec/progress.ts';
import { scriptOf } from '../../../src/cli/exec/script.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aJob, noon } from '../manager/objects.ts';

type Result = NonNullable<GuestExecJobStatus['guests']>[number];

function request(more: Partial<ExecRequest> = {}): ExecRequest {
  return {
    target: { guestName: 'web-1' },
    command: ['uptime'],
    env: [],
    envSecret: [],
    timeoutSeconds: 300,
    dryRun: false,
    keptSeconds: 600,
    ...more,
  };
}

function ended(results: Partial<Result>[], more: Partial<GuestExecJob['spec']> = {}): GuestExecJob {
  const guests = results.map(
    (result, n): Result => ({ name: `web-${n + 1}`, phase: 'Failed', attempts: 1, ...result }),
  );
  const failed = guests.some(({ phase }) => phase !== 'Succeeded');
  const phase = failed || guests.length === 0 ? 'Failed' : 'Complete';
  return aJob(more, { phase, guests, targets: guests.length, completionTime: timestamp(noon) });
}

const one = { target: { guestName: 'web-1' } };

describe('a job made from a command line', () => {
  it('is one that the API takes', () => {
    const spec = jobSpecOf(
      request({
        user: 'app',
        workdir: '/srv',
        env: ['A=b=c'],
        envSecret: ['TOKEN=vault/token'],
        stdin: Buffer.from('hello'),
        store: 'Secret',
        parallelism: '25%',
        maxFailures: 3,
      }),
    );

    expect(spec).toEqual({
      target: { guestName: 'web-1' },
      exec: {
        command: ['uptime'],
        user: 'app',
        workingDirectory: '/srv',
        env: [
          { name: 'A', value: 'b=c' },
          { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'vault', key: 'token' } } },
        ],
        stdin: 'hello',
        output: { store: 'Secret', limitBytes: 16_777_216 },
      },
      parallelism: '25%',
      maxFailures: 3,
      startingDeadlineSeconds: 60,
      activeDeadlineSeconds: 300,
      ttlSecondsAfterFinished: 600,
    });
    expect(guestExecJobSpec.safeParse(spec).success).toBe(true);
  });

  it('waits for a guest no longer than the command may take', () => {
    expect(jobSpecOf(request({ timeoutSeconds: 5 })).startingDeadlineSeconds).toBe(5);
  });

  it.each<[string, Partial<ExecRequest>, string]>([
    ['no command', { command: [] }, 'goes after --'],
    ['a variable without a value', { env: ['HOME'] }, 'NAME=VALUE'],
    ['a Secret without a key', { envSecret: ['TOKEN=vault'] }, 'NAME=SECRET/KEY'],
    ['an input that is too long', { stdin: Buffer.alloc(262_145, 'x') }, '256 KiB'],
    ['an input that is no text', { stdin: Buffer.from([0xff, 0xfe]) }, 'UTF-8'],
  ])('is refused with %s', (_, more, sentence) => {
    expect(() => jobSpecOf(request(more))).toThrow(sentence);
  });

  it('runs a script by what its first line names', () => {
    expect(scriptOf('#!/usr/bin/env python3\nprint(1)', ['--all'])).toEqual({
      source: '#!/usr/bin/env python3\nprint(1)',
      interpreter: ['/usr/bin/env', 'python3'],
      args: ['--all'],
    });
    expect(scriptOf('#!/bin/bash\r\necho', [])).toMatchObject({ interpreter: ['/bin/bash'] });
    expect(scriptOf('echo', [])).toEqual({ source: 'echo' });
  });
});

describe('the exit code', () => {
  it.each<[string, Partial<Result>, number]>([
    ['the command’s own', { phase: 'Succeeded', reason: 'Completed', exitCode: 0 }, 0],
    ['the command’s own when it failed', { reason: 'NonZeroExit', exitCode: 3 }, 3],
    ['as a shell’s after a signal', { reason: 'Signaled', signal: 9 }, 137],
    ['127 where there is no such program', { reason: 'CommandNotFound' }, 127],
    ['124 at the deadline, whatever the command says of it', { reason: 'DeadlineExceeded', signal: 15 }, 124],
    ['125 where nothing ran', { reason: 'Undeliverable' }, 125],
    ['125 where nobody knows', { phase: 'Unknown', reason: 'GuestRebooted' }, 125],
  ])('of one guest is %s', (_, result, code) => {
    expect(exitCodeOfJob(ended([result], one))).toBe(code);
  });

  it('of many guests says whether all went well', () => {
    expect(exitCodeOfJob(ended([{ phase: 'Succeeded' }, { phase: 'Succeeded' }]))).toBe(0);
    expect(exitCodeOfJob(ended([{ phase: 'Succeeded' }, { exitCode: 7 }]))).toBe(1);
  });

  it('of nobody is no success', () => {
    expect(exitCodeOfJob(ended([]))).toBe(125);
  });

  it('of a dry run says whether it would begin everywhere', () => {
    expect(exitCodeOfJob(ended([{ phase: 'Skipped', reason: 'WouldRun' }], { dryRun: true }))).toBe(0);
    expect(exitCodeOfJob(ended([{ phase: 'Skipped', reason: 'GuestNotRunning' }], { dryRun: true }))).toBe(1);
  });
});

it('explains only what an exit code does not say', () => {
  const base = { name: 'web-1', attempts: 1, phase: 'Failed' } as const;

  expect(problemOf({ ...base, reason: 'NonZeroExit', message: 'exited with 3' })).toBeUndefined();
  expect(problemOf({ ...base, reason: 'Undeliverable', message: 'it is off' })).toBe('Undeliverable: it is off');
});

it('shows how far a job is, and of the guests that are not done as many as fit', () => {
  const guests = ['a', 'b', 'c'].map(
    (name): Result => ({ name, phase: 'Running', attempts: 1, startTime: timestamp(noon) }),
  );
  const job = aJob({}, { targets: 4, succeeded: 1, active: 3, waiting: 0, guests });

  const lines = progressLines(job, { columns: 80, rows: 6 }, noon + 5000, plain);

  expect(lines[0]).toBe('[#####...............] 1/4 1 succeeded, 3 running');
  expect(lines[2]).toMatch(/^a +Running +5s/);
  expect(lines.at(-1)).toBe('and 1 more');
  expect(lines).toHaveLength(5);
});

it('shows beside a guest that is not done what it printed last', () => {
  const guests: Result[] = [{ name: 'a', phase: 'Running', attempts: 1, stdout: 'Reading…\nUnpacking nginx\n' }];

  const lines = progressLines(aJob({}, { targets: 2, active: 1, guests }), { columns: 80, rows: 6 }, noon, plain);

  expect(lines[2]).toMatch(/Unpacking nginx$/);
});

describe('what a terminal shows of one guest that is not done', () => {
  const screen = { columns: 20, rows: 5 };
  const running: Result = { name: 'web-1', phase: 'Running', attempts: 1 };

  it('is what it waits for', () => {
    const pending: Result = { ...running, phase: 'Pending', reason: 'GuestOff', message: 'off' };

    expect(guestProgressLines(pending, screen, plain)).toEqual(['GuestOff: off']);
  });

  it('is the last lines that it printed, as many and as much of them as fit', () => {
    const stdout = 'one\ntwo\nthree is longer than twenty\n';

    const lines = guestProgressLines({ ...running, stdout, stderr: 'oops' }, screen, plain);

    expect(lines).toEqual(['two', 'three is longer than', 'oops']);
  });

  it('is nothing that steers the terminal, and of a line written over and over its last state', () => {
    const stdout = '\u001b[31mred\u001b[0m\u0007\u001b[2J\n 10%\r 50%\r100%\r\n';

    expect(guestProgressLines({ ...running, stdout }, screen, plain)).toEqual(['red', '100%']);
  });

  it('is nothing as long as it printed nothing', () => {
    expect(guestProgressLines(running, screen, plain)).toEqual([]);
  });
});

it('sums up what became of each guest', () => {
  const job = ended([
    {
      reason: 'NonZeroExit',
      exitCode: 7,
      message: 'exited with 7',
      startTime: timestamp(noon),
      completionTime: timestamp(noon + 3000),
    },
    { phase: 'Succeeded', exitCode: 0 },
  ]);

  expect(summaryLines(job, plain).slice(0, 3)).toEqual([
    'GUEST   RESULT      EXIT   TIME   WHAT',
    'web-1   Failed      7      3s     exited with 7',
    'web-2   Succeeded   0      -      -',
  ]);
});
