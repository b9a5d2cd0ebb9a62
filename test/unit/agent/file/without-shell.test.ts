import { describe, expect, it } from 'vitest';
import { writeFileAction } from '../../../../src/agent/actions/file/write-file-action.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { aGuest, aRun, outcomeAfter, printed, type Request, refused } from './file-run.ts';

const noMemory = new LibvirtError({
  code: virErrorNumber.AGENT_COMMAND_FAILED,
  domain: 10,
  level: 2,
  message: 'Failed to fork (Cannot allocate memory)',
});

async function written(answer: (request: Request) => unknown) {
  const world = aGuest({ answer });
  const { run } = aRun(world, { writeFile: { path: '/etc/x', content: 'a' } });
  const outcome = await outcomeAfter(world.clock, 60_000, writeFileAction.run(run));
  const truncated = world.sent.some(({ arguments: { path, mode } }) => path === '/etc/x' && mode === 'w');
  return { ...outcome, truncated };
}

describe('a file that can not be written beside its place', () => {
  it('is not written in place because the guest has no memory for a shell', async () => {
    const { ending, truncated } = await written(({ execute }) => (execute === 'guest-exec' ? noMemory : undefined));

    expect(ending).toMatchObject({
      phase: 'Failed',
      reason: 'ShellNotStarted',
      message: expect.stringMatching(/nothing was changed.*Cannot allocate memory/),
    });
    expect(truncated).toBe(false);
  });

  it.each([
    ['starts a shell after all', 'guest-exec'],
    ['forgot a shell, for its agent was restarted', 'guest-exec-status'],
  ])('is tried again where the guest %s', async (_, command) => {
    let asked = 0;
    const { over, ending, truncated } = await written(({ execute }) =>
      execute === command && ++asked === 1 ? refused : undefined,
    );

    expect({ over, ending }).toEqual({ over: true, ending: undefined });
    expect(truncated).toBe(false);
  });

  it('is not written in place because a shell was killed before it said anything', async () => {
    const { ending, truncated } = await written(({ execute }) =>
      execute === 'guest-exec-status' ? printed('') : undefined,
    );

    expect(ending).toMatchObject({ phase: 'Failed', reason: 'ShellNotStarted' });
    expect(truncated).toBe(false);
  });

  it('is written in place where the guest has no /bin/sh', async () => {
    const { ending } = await written(({ execute, arguments: { path } }) =>
      execute === 'guest-exec' || path === '/bin/sh' ? refused : undefined,
    );

    expect(ending).toMatchObject({ phase: 'Succeeded', writeFile: { atomic: false } });
  });

  it('is written in place where guest-exec was switched off meanwhile', async () => {
    const { ending } = await written(({ execute }) => {
      if (execute === 'guest-exec') return refused;
      if (execute !== 'guest-info') return undefined;
      return { version: '10', supported_commands: [{ name: 'guest-exec', enabled: false }] };
    });

    expect(ending).toMatchObject({ phase: 'Succeeded', writeFile: { atomic: false } });
  });
});
