import { describe, expect, it } from 'vitest';
import { DeadlineReached, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { execAction } from '../../../../src/agent/actions/exec-action.ts';
import type { OutputKeeper } from '../../../../src/agent/output-keeper.ts';
import type { Exec } from '../../../../src/api/schema/exec.ts';

import { held, late, refused, type Sent, setUp } from './exec-run.ts';

describe('a command too long for one request', () => {
  const long: Exec = { script: { source: `# ${'x'.repeat(250_000)}\n` } };
  const launchers = (sent: Sent[]) => sent.filter(({ script }) => script.includes('eval'));

  it('is written to a file first', async () => {
    const { carryOut, sent } = setUp(long);

    expect(await carryOut()).toMatchObject({ phase: 'Succeeded' });
    expect(launchers(sent)).toHaveLength(1);
  });

  it.each(['guest-file-open', 'guest-file-write'])('ends where the guest has %s switched off', async (command) => {
    const { carryOut, sent } = setUp(long, { blocked: [command] });

    const ending = await carryOut();
    expect(ending).toMatchObject({ phase: 'Failed', reason: 'CommandBlocked' });
    expect(ending?.message).toContain(command);
    expect(launchers(sent)).toEqual([]);
  });

  it('ends where there is no room for it, and leaves nothing behind', async () => {
    const { carryOut, sent } = setUp(long, {
      answer: ({ execute }) => (execute === 'guest-file-write' ? refused : undefined),
    });

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'NoSpool' });
    expect(launchers(sent)).toEqual([]);
    expect(sent.filter(({ script }) => script.startsWith('rm -f /run/qga/uid.script'))).toHaveLength(1);
  });

  it('is tried again where the guest was frozen only until then', async () => {
    let opens = 0;
    const { carryOut } = setUp(long, {
      answer: ({ execute }) => (execute === 'guest-file-open' && ++opens === 1 ? refused : undefined),
    });

    expect(await carryOut()).toMatchObject({ phase: 'Succeeded' });
  });

  it('was not started, and is tried again, where the guest fell silent while it was written', async () => {
    const { carryOut, sent } = setUp(long, {
      answer: ({ execute }) => (execute === 'guest-file-write' ? late : undefined),
    });

    expect(await carryOut()).toBeUndefined();
    expect(launchers(sent)).toEqual([]);
  });
});

it('fails at once with a variable that shells keep for themselves, unless no shell is in the way', () => {
  const problemOf = (exec: Exec) => execAction.problem?.(setUp(exec).run.task);
  const env = [{ name: 'PPID', value: '1' }];

  expect(problemOf({ command: ['x'], env })).toMatchObject({ reason: 'InvalidArguments' });
  expect(problemOf({ command: ['x'], env, mode: 'Direct' })).toBeUndefined();
  expect(problemOf({ command: ['x'], env: [{ name: 'PATH', value: '/bin' }] })).toBeUndefined();
});

describe('a command that nobody waits for any longer', () => {
  const sentBefore = { guest: 'uuid', action: 'exec', bootId: 'boot' };
  const withdrawn = AbortSignal.abort(new DeadlineReached());
  const reporting = (said: string) => {
    const exited = { exited: true, exitcode: 0, 'out-data': btoa(`qga1 uid ${said}\n`) };
    return ({ execute }: Sent) => (execute === 'guest-exec-status' ? exited : undefined);
  };

  it.each([
    ['done boot 0 exit 0 0', { phase: 'Succeeded', reason: 'Completed', exec: { exitCode: 0 } }],
    ['done boot 3 exit 0 0', { phase: 'Failed', reason: 'NonZeroExit', exec: { exitCode: 3 } }],
    ['done boot 9 none 0 0', { phase: 'Failed', reason: 'CommandNotFound' }],
    ['nospool', { phase: 'Failed', reason: 'NoSpool' }],
  ])('is told as it ended where it had ended by itself before: %s', async (said, ending) => {
    const { carryOut } = setUp({ command: ['make'] }, { sentBefore, withdrawn, answer: reporting(said) });

    expect(await carryOut()).toMatchObject(ending);
  });

  it.each([
    ['done boot 143 signal killed 0 0', 'its deadline came: SIGTERM ended it, with all it had started'],
    ['done boot 137 signal killed 0 0', 'its deadline came: SIGTERM, and after 10 s SIGKILL, ended it'],
    ['done boot 0 exit killed 0 0', 'its deadline came: SIGTERM ended it'],
  ])('is told as ended where it was, in whatever life of the agent: %s', async (said, message) => {
    const { carryOut } = setUp({ command: ['make'] }, { sentBefore, withdrawn, answer: reporting(said) });

    const ending = await carryOut();
    expect(ending).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(ending?.message).toContain(message);
  });
});

describe('what is kept of the output of a command that was ended', () => {
  const killed = 'done boot 143 signal killed 5 0\nhello';
  const why = { deadline: new DeadlineReached(), deletion: new TaskDeleted() };

  function ended(by: keyof typeof why | 'release', answer: (sent: Sent) => unknown = () => undefined) {
    const kept: string[] = [];
    const { carryOut, run, clock } = setUp(
      { command: ['make'], output: { store: 'ConfigMap' } },
      {
        sentBefore: { guest: 'uuid', action: 'exec', bootId: 'boot' },
        ...(by !== 'release' && { withdrawn: AbortSignal.abort(why[by]) }),
        output: { keep: async (_kind, _stream, _part, bytes) => `kept-${kept.push(bytes.toString())}` } as OutputKeeper,
        answer(sent) {
          if (sent.execute === 'guest-file-read')
            return answer(sent) ?? { count: 5, 'buf-b64': btoa('hello'), eof: true };
          return sent.execute === 'guest-exec-status'
            ? { exited: true, exitcode: 0, 'out-data': btoa(`qga1 uid ${killed}`) }
            : answer(sent);
        },
      },
    );
    if (by === 'release') run.task.spec.release = true;
    return { carryOut, kept, clock };
  }

  it.each([
    ['deadline', 'DeadlineExceeded'],
    ['release', 'Released'],
  ] as const)('is stored after its %s', async (by, reason) => {
    const { carryOut, kept } = ended(by);

    expect(await carryOut()).toMatchObject({
      phase: 'Failed',
      reason,
      exec: { signal: 15, stdout: 'hello', stored: { kind: 'ConfigMap', stdout: ['kept-1'], stdoutBytes: 5 } },
    });
    expect(kept).toEqual(['hello']);
  });

  it('is stored though the guest is silent for a moment', async () => {
    let opens = 0;
    const { carryOut } = ended('deadline', ({ execute }) =>
      execute === 'guest-file-open' && ++opens === 1 ? late : undefined,
    );

    expect(await carryOut()).toMatchObject({ exec: { stored: { stdout: ['kept-1'] } } });
  });

  it('is waited for a minute at most in a guest that stays silent: the deadline is over', async () => {
    const { carryOut, clock } = ended('deadline', ({ execute }) => (execute === 'guest-file-open' ? late : undefined));

    const ending = await carryOut(3_600_000);

    expect(ending).toMatchObject({ reason: 'DeadlineExceeded', exec: { signal: 15 } });
    expect(ending?.message).toMatch(/SIGTERM ended it.*; its output could not be kept/);
    expect(clock.monotonic()).toBeLessThan(90_000);
  });

  it('goes with a task that was deleted', async () => {
    const { carryOut, kept } = ended('deletion');

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'Deleted' });
    expect(kept).toEqual([]);
  });
});

describe('what delivered runs left in a guest', () => {
  const runs = Array.from({ length: 9 }, (_, index) => `run-${index}`);
  const launchers = (sent: Sent[]) => sent.filter(({ script }) => script.includes('_qga_keep'));

  it('is removed by the next launcher, and no longer listed', async () => {
    const { carryOut, run, sent } = setUp({ command: ['true'] });
    run.guest.finishedRuns.push(...runs);

    expect(await carryOut()).toMatchObject({ phase: 'Succeeded' });

    for (const each of runs) expect(launchers(sent)[0]?.script).toContain(each);
    expect(run.guest.finishedRuns).toEqual([]);
  });

  it.each([
    ['is not sent', { answer: ({ execute }: Sent) => (execute === 'guest-exec' ? held : undefined) }],
    ['was sent before', { sentBefore: { guest: 'uuid', action: 'exec', bootId: 'boot' } }],
  ])('stays listed where the launcher %s', async (_, how) => {
    const { carryOut, run } = setUp({ command: ['true'] }, how);
    run.guest.finishedRuns.push(...runs);

    await carryOut();

    expect(run.guest.finishedRuns).toEqual(runs);
  });

  it('is listed of a run whose task was deleted, once it has ended', async () => {
    const { run, clock } = setUp({ command: ['true'] });
    const sent = { guest: 'uuid', action: 'exec', bootId: 'boot' };
    const abandoned = execAction.abandon?.('uid', { ...run, sent });
    void clock.advance(60_000);
    await abandoned;

    expect(run.guest.finishedRuns).toEqual(['uid']);
  });

  it('stays where another host may have sent it, too', async () => {
    const { run, clock } = setUp({ command: ['true'] });
    const sent = { guest: 'uuid', action: 'exec', bootId: 'boot', takenOver: 'GuestMoved' as const };
    const abandoned = execAction.abandon?.('uid', { ...run, sent });
    void clock.advance(60_000);
    await abandoned;

    expect(run.guest.finishedRuns).toEqual([]);
  });
});
