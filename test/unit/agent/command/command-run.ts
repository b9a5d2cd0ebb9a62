import type { ActionRun } from '../../../../src/agent/actions/action.ts';
import { commandAction } from '../../../../src/agent/actions/command/command-action.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import type { CommandAction } from '../../../../src/api/schema/command-action.ts';
import { callPriority, GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { AgentCallOptions, DomainState, Hypervisor, HypervisorEvent } from '../../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { guestFstrim } from '../../../../src/qga/commands.ts';
import { FakeClock } from '../../support/fake-clock.ts';

export const failure = (code: number, message: string) => new LibvirtError({ code, domain: 10, level: 2, message });
export const late = failure(virErrorNumber.AGENT_COMMAND_TIMEOUT, 'late');
export const gone = failure(virErrorNumber.AGENT_UNRESPONSIVE, 'Guest agent disappeared while executing command');
export const refused = failure(virErrorNumber.AGENT_COMMAND_FAILED, 'chpasswd: bad password hunter2');
const supported = ['guest-set-user-password', 'guest-fsfreeze-status', 'guest-get-osinfo'].map((name) => ({
  name,
  enabled: true,
}));

/** A run of one command in a guest whose agent answers as `answers` says, or calls, and otherwise that it is thawed. */
export function setUp(command: CommandAction, answers: Record<string, unknown>, more: Partial<ActionRun> = {}) {
  const sent: string[] = [];
  const notes: unknown[] = [];
  const listeners = new Set<(event: HypervisorEvent) => void>();
  let state: DomainState = 'running';
  let trimmed: Promise<void> | undefined;
  const clock = new FakeClock();
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string, { beforeSent }: AgentCallOptions) {
      const { execute } = JSON.parse(text) as { execute: string };
      await beforeSent?.();
      sent.push(execute);
      await trimmed;
      const defaults = {
        'guest-fsfreeze-status': 'thawed',
        'guest-info': { version: '10', supported_commands: supported },
      };
      const given = ({ ...defaults, ...answers } as Record<string, unknown>)[execute];
      const answer: unknown = typeof given === 'function' ? given() : given;
      if (answer instanceof Error) throw answer;
      return JSON.stringify({ return: answer ?? {} });
    },
    domain: async () => ({ state, agentChannel: 'connected' }),
    subscribe(listener: (event: HypervisorEvent) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async wakeUp() {
      sent.push('wakeUp');
      state = 'running';
    },
  } as unknown as Hypervisor;
  const never = new AbortController().signal;
  const run = {
    task: { metadata: { uid: 'task' }, spec: { guestName: 'web-1', action: { command } } } as GuestTask,
    guest: new LiveGuest(new GuestAgent(hypervisor, 'uuid')),
    note: async (note: unknown) => void notes.push(note),
    show: () => {},
    stopped: never,
    withdrawn: never,
    clock,
    ...more,
  } as ActionRun;
  /** Another task's fstrim holds the guest's agent for so long. */
  const trimFor = (ms: number) => {
    trimmed = clock.sleep(ms).finally(() => (trimmed = undefined));
    void run.guest.agent.call(guestFstrim, {}, { priority: callPriority.action });
  };
  const tell = (event: HypervisorEvent) => {
    for (const listener of listeners) listener(event);
  };
  const become = (next: DomainState) => (state = next);
  return { carryOut: () => commandAction.run(run), sent, notes, answers, clock, run, become, tell, trimFor };
}
