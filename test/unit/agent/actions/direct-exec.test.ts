import { describe, expect, it } from 'vitest';
import { DeadlineReached, TaskReleased } from '../../../../src/agent/actions/action.ts';
import type { Exec } from '../../../../src/api/schema/exec.ts';
import { callPriority } from '../../../../src/guest/guest-agent.ts';
import { guestFstrim } from '../../../../src/qga/commands.ts';
import { held, late, refused, type Sent, setUp } from './exec-run.ts';

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

  it.each([
    ['while it was still asked for', undefined],
    ['before an agent that was started anew could ask', { guest: 'uuid', action: 'exec', note: { pid: 1 } }],
  ])('is told as it ended where it had ended by itself when its deadline came, %s', async (_, sentBefore) => {
    const deadline = new AbortController();
    const reached = () => deadline.abort(new DeadlineReached());
    const { carryOut, clock } = setUp(direct, {
      withdrawn: deadline.signal,
      ...(sentBefore && { sentBefore }),
      answer: ({ execute }) => {
        if (execute !== 'guest-exec-status') return undefined;
        return clock.monotonic() < 30_000 && !sentBefore ? running : exited;
      },
    });
    if (sentBefore) reached();
    else clock.after(30_000, reached);

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'NonZeroExit', exec: { exitCode: 3 } });
  });

  it('is not told by what has its number in the next boot when its deadline comes', async () => {
    const sentBefore = { guest: 'uuid', action: 'exec', bootId: 'boot', note: { pid: 1 } };
    const withdrawn = AbortSignal.abort(new DeadlineReached());
    let reads = 0;
    const { carryOut } = setUp(direct, {
      withdrawn,
      sentBefore,
      answer({ execute }) {
        if (execute === 'guest-exec-status') return exited;
        if (execute !== 'guest-file-read' || ++reads === 1) return undefined;
        return { count: 6, 'buf-b64': btoa('boot-2'), eof: true };
      },
    });

    expect(await carryOut()).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
  });

  it.each([
    [new DeadlineReached(), { phase: 'Failed', reason: 'DeadlineExceeded' }],
    [new TaskReleased(), { phase: 'Skipped', reason: 'Released' }],
  ])('is not started when %s comes before its turn, and says so', async (reason, ending) => {
    const withdraw = new AbortController();
    const { carryOut, clock, run, sent } = setUp(direct, {
      withdrawn: withdraw.signal,
      answer: ({ execute }) =>
        execute === 'guest-fstrim' ? clock.sleep(50_000).then(() => ({ paths: [] })) : undefined,
    });
    const trim = run.guest.agent.call(guestFstrim, {}, { priority: callPriority.action });
    clock.after(30_000, () => withdraw.abort(reason));

    expect(await carryOut()).toMatchObject({ ...ending, message: expect.stringContaining('nothing was started') });

    await trim;
    expect(sent.map(({ execute }) => execute)).toEqual(['guest-fstrim']);
  });
});
