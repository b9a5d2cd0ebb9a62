import { describe, expect, it } from 'vitest';
import type { GuestTask } from '../../../src/api/resources.ts';
import { adviceFor, sections } from '../../../src/cli/story/advice.ts';
import { parseReasons } from '../../../src/cli/story/reasons.ts';
import { reasonsPage } from '../../../src/cli/story/reasons-page.ts';
import { storyOf } from '../../../src/cli/story/task-story.ts';
import { timestamp } from '../../../src/seams/clock.ts';
import { aFreezeTask, aGuest, aJob, aTask, aWindow, lost, noon } from '../manager/objects.ts';

const reasons = parseReasons(reasonsPage());
const web1 = aGuest('web-1');

function told(task: GuestTask): Record<string, string> {
  const story = storyOf({ task, guest: web1, host: undefined, reasons, now: noon + 60_000 });
  return Object.fromEntries(story.map(({ about, text }) => [about, text]));
}

describe('the page of reasons', () => {
  it('has every section that advice is looked for in', () => {
    const headings = new Set([...reasons.values()].flat().map(({ section }) => section));

    for (const wanted of Object.values(sections)) {
      expect([...headings].some((heading) => heading.startsWith(wanted))).toBe(true);
    }
  });

  it('is read without its markup, and without "as above"', () => {
    expect(reasons.get('NonZeroExit')?.[0]).toMatchObject({
      means: 'the command ran and exited with another code than 0',
      todo: 'read exitCode, stdout, stderr',
    });
    expect(reasons.get('GuestStopped')?.[0]?.todo).toContain('look at the guest');
    expect([...reasons.values()].flat().filter(({ todo }) => todo.includes('as above'))).toEqual([]);
  });
});

describe('a reason', () => {
  it('means of each action what it means there', () => {
    const failed = (action: GuestTask['spec']['action'], reason: string): GuestTask => ({
      ...aTask(aJob(), web1, { phase: 'Failed', reason }),
      spec: { guestName: 'web-1', action },
    });

    expect(adviceFor(failed({ exec: { command: ['x'] } }, 'CommandBlocked'), reasons)?.section).toBe(
      'It failed (phase Failed)',
    );
    expect(adviceFor(failed({ setPassword: { username: 'app' } }, 'CommandBlocked'), reasons)?.section).toBe(
      'Of a PasswordRotation',
    );
    expect(adviceFor(failed({ freeze: {} }, 'HookFailed'), reasons)?.section).toBe('A freeze that failed');
  });

  it('of what nobody knows is not the one of what failed', () => {
    const task = aTask(aJob(), web1, { phase: 'Unknown', reason: 'DeadlineExceeded' });

    expect(adviceFor(task, reasons)?.todo).toContain('bring the host back');
  });
});

describe('the story of a task', () => {
  it('tells of a command that failed who wanted it, when it was sent, and what to do', () => {
    const task = aTask(aJob({ exec: { command: ['sh', '-c', 'exit 3'], user: 'app' } }), web1, {
      phase: 'Failed',
      reason: 'NonZeroExit',
      message: 'it exited with 3',
      claim: { node: 'hv1', instance: 'i', journal: 'j', time: timestamp(noon + 1000) },
      startTime: timestamp(noon + 2000),
      completionTime: timestamp(noon + 5000),
      exec: { exitCode: 3, stdoutBytes: 7 },
    });
    task.metadata.creationTimestamp = timestamp(noon);

    const story = storyOf({ task, guest: web1, host: undefined, reasons, now: noon + 60_000 });

    expect(story.map(({ about, text }) => `${about}: ${text}`)).toEqual([
      "What: run sh -c 'exit 3' as app, in guest web-1",
      'Who: made by GuestExecJob job, 1m ago',
      `Where: bound to host hv1; domain ${web1.status?.domain?.uuid}`,
      "Until: given up when the guest can't be reached by 2026-01-01T12:01:01Z",
      'History: 2026-01-01T12:00:00Z  it was made',
      'History: 2026-01-01T12:00:01Z  the agent of hv1 claimed it: nobody else acts on it from here on',
      'History: 2026-01-01T12:00:02Z  it was sent to the guest',
      'History: 2026-01-01T12:00:05Z  it ended with exit code 3, having printed 7 bytes and 0 on stderr',
      'Now: Failed (NonZeroExit): it exited with 3',
      'Means: the command ran and exited with another code than 0',
      'To do: read exitCode, stdout, stderr',
    ]);
  });

  it('tells of a freeze who ended it', () => {
    const task = aFreezeTask(aWindow(), web1, lost('Somebody', 'somebody thawed it'));

    expect(told(task)['To do']).toBe('throw the backup away');
    expect(told(task)['History']).toContain('thawed');
  });

  it('tells of one that nobody has seen where to look', () => {
    const task: GuestTask = {
      ...aTask(aJob(), web1),
      spec: { guestName: 'web-1', action: { exec: { command: ['x'] } } },
    };

    expect(told(task)).toMatchObject({
      Where: 'bound to no host yet: the manager does that',
      Now: 'Pending: no agent has taken it',
      Means: 'no manager has seen it yet',
      'To do': expect.stringContaining('kubectl qga doctor') as string,
    });
  });
});
