import type { ActionRun } from '../../../../src/agent/actions/action.ts';
import { execAction } from '../../../../src/agent/actions/exec-action.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { Exec } from '../../../../src/api/schema/exec.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { AgentCallOptions, Hypervisor } from '../../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const failure = (code: number, message: string) => new LibvirtError({ code, domain: 10, level: 2, message });
export const refused = failure(virErrorNumber.AGENT_COMMAND_FAILED, 'no');
export const held = failure(virErrorNumber.OPERATION_TIMEOUT, 'held by another client');
export const late = failure(virErrorNumber.AGENT_COMMAND_TIMEOUT, 'late');

const offered = ['guest-exec', 'guest-exec-status', 'guest-file-open', 'guest-file-write', 'guest-fsfreeze-status'];

/** What was sent to a guest. */
export interface Sent {
  execute: string;
  /** What a shell was to run. */
  script: string;
}

/** A run of a command in a guest whose agent answers as `answer` says, and else as one in order whose shells all succeed. */
export function setUp(
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
    async agentCommand(_uuid: string, text: string, { beforeSent }: AgentCallOptions) {
      const { execute, arguments: args = {} } = JSON.parse(text);
      await beforeSent?.();
      const script = Buffer.from(args['input-data'] ?? '', 'base64').toString();
      sent.push({ execute, script });
      const said =
        (await answer({ execute, script })) ?? (blocked.includes(execute) ? refused : reply(execute, script, args.pid));
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
