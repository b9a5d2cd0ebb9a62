import { type Action, type ActionRun, DeadlineReached, type Ending } from '../../../../src/agent/actions/action.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { GuestTaskSpec } from '../../../../src/api/schema/guest-task.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { DomainState, Hypervisor } from '../../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { FakeClock, settled } from '../../support/fake-clock.ts';

const failure = (code: number, message: string) => new LibvirtError({ code, domain: 10, level: 2, message });
export const refused = failure(virErrorNumber.AGENT_COMMAND_FAILED, 'no');
export const late = failure(virErrorNumber.AGENT_COMMAND_TIMEOUT, 'late');
export const off = failure(virErrorNumber.OPERATION_INVALID, 'domain is not running');

const ofFiles = ['open', 'close', 'read', 'write', 'seek', 'flush'].map((name) => `guest-file-${name}`);
const offered = ['guest-exec', 'guest-exec-status', 'guest-fsfreeze-status', 'guest-info', ...ofFiles];
const whileFrozen = new Set(['guest-fsfreeze-status', 'guest-info']);

export interface Request {
  execute: string;
  arguments: { path?: string; mode?: string; 'buf-b64'?: string; 'input-data'?: string };
}

/** What a shell of the guest was to run. */
export const scriptOf = (request: Request) => Buffer.from(request.arguments['input-data'] ?? '', 'base64').toString();

/** What a shell prints, as guest-exec-status tells it. */
export const printed = (text: string) => ({
  exited: true,
  exitcode: 0,
  'out-data': Buffer.from(text).toString('base64'),
});

/**
 * One guest whose agent answers as `answer` says, and else as one in order: its files take what they are given, and its
 * shells make and place them. While it is frozen, it refuses what a frozen one does.
 */
export function aGuest({ answer = () => undefined }: { answer?: (request: Request) => unknown } = {}) {
  const sent: Request[] = [];
  const notes: unknown[] = [];
  const clock = new FakeClock();
  const guest = { state: 'running' as DomainState, frozen: false };
  let script = '';
  let content = Buffer.alloc(0);
  function reply(request: Request): unknown {
    switch (request.execute) {
      case 'guest-exec':
        script = scriptOf(request);
        return { pid: 1 };
      case 'guest-exec-status':
        if (script.includes('set -C')) return printed('sum\n/etc/x\n');
        return printed(script.includes('mv -f') ? 'created 644 0:0\n' : 'room\n');
      case 'guest-file-open':
        if (request.arguments.mode === 'w') content = Buffer.alloc(0);
        return 7;
      case 'guest-file-write': {
        const bytes = Buffer.from(request.arguments['buf-b64'] ?? '', 'base64');
        content = Buffer.concat([content, bytes]);
        return { count: bytes.length, eof: false };
      }
      case 'guest-file-read':
        return { count: content.length, 'buf-b64': content.toString('base64'), eof: true };
      case 'guest-file-seek':
        return { position: 0, eof: false };
      case 'guest-fsfreeze-status':
        return guest.frozen ? 'frozen' : 'thawed';
      case 'guest-info':
        return {
          version: '10',
          supported_commands: offered.map((name) => ({ name, enabled: !guest.frozen || whileFrozen.has(name) })),
        };
      default:
        return {};
    }
  }
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string) {
      const { execute, arguments: args = {} } = JSON.parse(text);
      const request = { execute, arguments: args };
      sent.push(request);
      if (guest.state !== 'running') throw off;
      const said = guest.frozen && !whileFrozen.has(execute) ? refused : ((await answer(request)) ?? reply(request));
      if (said instanceof Error) throw said;
      return JSON.stringify({ return: said });
    },
    domain: async () => ({ state: guest.state, agentChannel: 'connected' }),
  } as unknown as Hypervisor;
  const live = new LiveGuest(new GuestAgent(hypervisor, 'uuid'));
  live.health = { state: 'answers', facts: { bootId: 'b1', agent: { version: '10', allowedCommands: offered } } };
  const commands = () => sent.map(({ execute }) => execute);
  const scripts = () => sent.map(scriptOf);
  return { guest, live, clock, sent, notes, kept: () => content, commands, scripts };
}

export type TestGuest = ReturnType<typeof aGuest>;

/** A run of an action on a file there. */
export function aRun(
  { live, clock, notes }: TestGuest,
  action: GuestTaskSpec['action'],
  more: Partial<ActionRun> = {},
) {
  const never = new AbortController().signal;
  const withdraw = new AbortController();
  const task = { metadata: { uid: 'uid' }, spec: { guestName: 'web-1', action } } as GuestTask;
  const run = {
    task,
    guest: live,
    note: async (note: unknown) => void notes.push(note),
    stopped: never,
    withdrawn: withdraw.signal,
    clock,
    ...more,
  } as ActionRun;
  return { run, reachDeadline: () => withdraw.abort(new DeadlineReached()), withdraw };
}

export interface Outcome {
  over: boolean;
  ending?: Ending | undefined;
  error?: unknown;
}

/** What has come of a run by now. */
export async function outcomeAfter(
  clock: FakeClock,
  ms: number,
  work: ReturnType<Action['run']> | Promise<void> | undefined,
): Promise<Outcome> {
  const outcome: Outcome = { over: false };
  void work?.then(
    (ending) => Object.assign(outcome, { over: true, ending: ending ?? undefined }),
    (error: unknown) => Object.assign(outcome, { over: true, error }),
  );
  await clock.advance(ms);
  await settled();
  return outcome;
}
