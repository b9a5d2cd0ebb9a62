import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  AgentCallOptions,
  Domain,
  Hypervisor,
  HypervisorEvent,
  HypervisorInfo,
} from '../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../src/libvirt/errors.ts';

const bootId = randomUUID();
const agentCommands = [
  'guest-info',
  'guest-exec',
  'guest-exec-status',
  'guest-file-open',
  'guest-file-read',
  'guest-file-close',
];

/** A host of simulated guests in which every command succeeds at once and says nothing: for scale, and for nothing else. */
export class SimulatedHost implements Hypervisor {
  readonly #node: string;
  readonly #domains: Map<string, Domain>;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  /** What was started, by pid: the run that its launcher names. */
  readonly #runs = new Map<number, string>();
  #lastPid = 0;

  constructor(node: string, guests: number) {
    this.#node = node;
    this.#domains = new Map(
      Array.from({ length: guests }, (_, index): [string, Domain] => {
        const uuid = randomUUID();
        return [uuid, domain(uuid, `${node}-vm-${index + 1}`)];
      }),
    );
  }

  connect(): void {
    for (const listener of this.#listeners) listener({ type: 'connected' });
  }

  info(): HypervisorInfo {
    return { uri: `simulated://${this.#node}`, libvirtVersion: '11.3.0', hypervisorVersion: 'simulated 1.0.0' };
  }

  async domains(): Promise<Domain[]> {
    return [...this.#domains.values()];
  }

  async domain(uuid: string): Promise<Domain | undefined> {
    return this.#domains.get(uuid);
  }

  async agentCommand(_uuid: string, command: string, { beforeSent }: AgentCallOptions): Promise<string> {
    await nextTurn();
    await beforeSent?.();
    const { execute, arguments: args = {} } = JSON.parse(command) as { execute: string; arguments?: object };
    return JSON.stringify({ return: this.#answer(execute, { ...args }) });
  }

  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  agentChannelXml = notSimulated;
  attachDevice = notSimulated;
  detachDevice = notSimulated;
  fsFreeze = notSimulated;
  fsThaw = notSimulated;
  setUserPassword = notSimulated;
  wakeUp = notSimulated;
  isMigrating = notSimulated;

  #answer(command: string, args: Record<string, unknown>): unknown {
    switch (command) {
      case 'guest-info':
        return { version: '10.0.0', supported_commands: agentCommands.map((name) => ({ name, enabled: true })) };
      case 'guest-exec': {
        const pid = (this.#lastPid += 1);
        const [, id = ''] = (args['arg'] as string[] | undefined) ?? [];
        this.#runs.set(pid, id);
        return { pid };
      }
      case 'guest-exec-status': {
        const pid = Number(args['pid']);
        const report = `qga1 ${this.#runs.get(pid)} done ${bootId} 0 exit 0 0\n`;
        this.#runs.delete(pid);
        return { exited: true, exitcode: 0, 'out-data': Buffer.from(report).toString('base64') };
      }
      case 'guest-file-read':
        return { count: 37, 'buf-b64': Buffer.from(`${bootId}\n`).toString('base64'), eof: true };
      case 'guest-file-open':
        return 1000;
      default:
        return {};
    }
  }
}

function domain(uuid: string, name: string): Domain {
  const metadataXml = '<guest><label name="fleet" value="simulated"/></guest>';
  return {
    uuid,
    name,
    state: 'running',
    movedAway: false,
    saved: false,
    persistent: true,
    agentChannel: 'connected',
    vcpus: 1,
    memoryKiB: 131_072,
    metadataXml,
  };
}

function notSimulated(): Promise<never> {
  return Promise.reject(
    new LibvirtError({ code: virErrorNumber.NO_SUPPORT, domain: 10, level: 2, message: 'not simulated' }),
  );
}
