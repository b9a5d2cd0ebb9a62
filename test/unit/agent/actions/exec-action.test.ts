import { describe, expect, it } from 'vitest';
import { type ActionRun, DeadlineReached, TaskDeleted } from '../../../../src/agent/actions/action.ts';
import { execAction } from '../../../../src/agent/actions/exec-action.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { OutputKeeper } from '../../../../src/agent/output-keeper.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { Exec } from '../../../../src/api/schema/exec.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const failure = (code: number, message: string) => new LibvirtError({ code, domain: 10, level: 2, message });
const refused = failure(virErrorNumber.AGENT_COMMAND_FAILED, 'no');
const held = failure(virErrorNumber.OPERATION_TIMEOUT, 'held by another client');
const late = failure(virErrorNumber.AGENT_COMMAND_TIMEOUT, 'late');

const offered = ['guest-exec', 'guest-exec-status', 'guest-file-open', 'guest-file-write', 'guest-fsfreeze-status'];

interface Sent {
  execute: string;
  /** What a shell was to run. */
  script: string;
}

/** A run of a command in a guest whose agent answers as `answer` says, and else as one in order whose shells all succeed. */
function setUp(
  exec: Exec,
  {
    answer = () => undefined,
    blocked = [],
    ...more
  }: { answer?: (sent: Sent) => unknown; blocked?: string[] } & Partial<ActionRun> = {},
) {
  const sent: Sent[] = [];
  const notes: unknown[] = [];
  const clock = new FakeClock();
  let shells = 0;
  const printedBy = new Map<number, string>();
  const reply = (execute: string, script: string, pid: number): unknown => {
    switch (execute) {
      case 'guest-exec':
        printedBy.set(++shells, script.includes('_qga') ? 'qga1 uid done boot 0 exit 0 0\n' : '');
        return { pid: shells };
      case 'guest-exec-status':
        return { exited: true, exitcode: 0, 'out-data': Buffer.from(printedBy.get(pid) ?? '').toString('base64') };
      case 'guest-file-open':
        return 7;
      case 'guest-file-read':
        return { count: 5, 'buf-b64': Buffer.from('boot\n').toString('base64'), eof: true };
      case 'guest-file-write':
        return { count: 200_000, eof: false };
      case 'guest-fsfreeze-status':
        return 'thawed';
      case 'guest-info':
        return {
          version: '10',
          supported_commands: offered.map((name) => ({ name, enabled: !blocked.includes(name) })),
        };
      default:
        return {};
    }
  };
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string) {
      const { execute, arguments: args = {} } = JSON.parse(text);
      const script = Buffer.from(args['input-data'] ?? '', 'base64').toString();
      sent.push({ execute, script });
      const said =
        answer({ execute, script }) ?? (blocked.includes(execute) ? refused : reply(execute, script, args.pid));
      if (said instanceof Error) throw said;
      return JSON.stringify({ return: said });
    },
    domain: async () => ({ state: 'running', agentChannel: 'connected' }),
  } as unknown as Hypervisor;
  const never = new AbortController().signal;
  const task = { metadata: { uid: 'uid' }, spec: { guestName: 'web-1', action: { exec } } } as GuestTask;
  const run = {
    task,
    latest: () => task,
    onUpdate: () => {},
    guest: new LiveGuest(new GuestAgent(hypervisor, 'uuid')),
    note: async (note: unknown) => void notes.push(note),
    show: () => {},
    stopped: never,
    withdrawn: never,
    clock,
    ...more,
  } as ActionRun;
  const carryOut = async (ms = 60_000) => {
    const ending = execAction.run(run);
    void clock.advance(ms);
    return await ending;
  };
  return { carryOut, sent, notes, clock, run };
}

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

describe('a command of mode Direct', () => {
  const direct: Exec = { mode: 'Direct', command: ['/bin/true'] };
  const status = (answers: unknown[]) => {
    let asked = 0;
    return ({ execute }: Sent) => (execute === 'guest-exec-status' ? answers[asked++] : undefined);
  };
  const running = { exited: false };
  const exited = { exited: true, exitcode: 3 };

  it.each([
    ['was held by somebody else', [held, held, exited]],
    ['did not answer in time', [running, late, running, late, exited]],
  ])('goes on though its guest %s', async (_, answers) => {
    const { carryOut } = setUp(direct, { answer: status(answers) });

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'NonZeroExit', exec: { exitCode: 3 } });
  });

  it('goes on after a freeze, which refuses every question', async () => {
    let frozen = true;
    const { carryOut, clock } = setUp(direct, {
      answer({ execute }) {
        if (execute === 'guest-fsfreeze-status') return frozen ? 'frozen' : 'thawed';
        if (execute === 'guest-exec-status') return frozen ? refused : exited;
        return undefined;
      },
    });
    clock.after(400_000, () => (frozen = false));

    expect(await carryOut(420_000)).toMatchObject({ reason: 'NonZeroExit' });
  });

  it('is Unknown where the answer was lost that told its end', async () => {
    const { carryOut } = setUp(direct, { answer: status([late, refused, refused]) });

    expect(await carryOut()).toMatchObject({
      phase: 'Unknown',
      reason: 'OutcomeUnknown',
      message: 'nobody knows how the command ended: its answer was lost',
    });
  });

  it('is Unknown where its agent was restarted', async () => {
    const { carryOut } = setUp(direct, { answer: status([running, refused, refused]) });

    expect((await carryOut())?.message).toContain('was restarted');
  });

  it('does not take for its own what has its number in the next boot', async () => {
    const claim = { node: 'hv1', instance: 'i', journal: 'j', bootId: 'boot', time: '2026-01-01T12:00:00Z' };
    const { carryOut, run } = setUp(direct, {
      answer({ execute }) {
        if (execute === 'guest-exec-status') return asked++ === 0 ? late : exited;
        return execute === 'guest-file-read' ? { count: 6, 'buf-b64': btoa('boot-2'), eof: true } : undefined;
      },
    });
    let asked = 0;
    run.task.status = { claim };

    expect(await carryOut()).toMatchObject({ phase: 'Unknown', reason: 'GuestRebooted' });
  });

  it('waits no longer than its deadline for a guest that is silent', async () => {
    const deadline = new AbortController();
    const { carryOut, clock } = setUp(direct, {
      withdrawn: deadline.signal,
      answer: ({ execute }) => (execute === 'guest-exec-status' ? late : undefined),
    });
    clock.after(30_000, () => deadline.abort(new DeadlineReached()));

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
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
