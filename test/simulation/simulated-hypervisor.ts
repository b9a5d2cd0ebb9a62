import type {
  AccountPassword,
  AgentCallOptions,
  Domain,
  Hypervisor,
  HypervisorEvent,
  HypervisorInfo,
} from '../../src/guest/hypervisor.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../src/libvirt/errors.ts';
import type { GuestFaults } from './faults.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

export interface SimulatedHypervisorOptions {
  host: SimulatedHost;
  process: SimulatedProcess;
  timeline: Timeline;
  faults(): GuestFaults | undefined;
  trace: Trace | undefined;
}

/** One process's connection to its host's libvirtd. */
export class SimulatedHypervisor implements Hypervisor {
  readonly #options: SimulatedHypervisorOptions;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  #connected = false;

  constructor(options: SimulatedHypervisorOptions) {
    this.#options = options;
  }

  /** Connects, and keeps connected. */
  start(): void {
    const { host, process, timeline } = this.#options;
    process.onDeath(host.onEvent((event) => this.#later(event)));
    timeline.in(process.chance.between(5, 50), () => host.up && this.#take({ type: 'connected' }), process);
  }

  info(): HypervisorInfo | undefined {
    const { libvirtVersion, node } = this.#options.host;
    return this.#connected
      ? { uri: `simulated://${node}`, libvirtVersion, hypervisorVersion: 'simulated 1.0.0' }
      : undefined;
  }

  async domains(): Promise<Domain[]> {
    return await this.#ask(({ domains }) => domains);
  }

  async domain(uuid: string): Promise<Domain | undefined> {
    return await this.#ask(({ domains }) => domains.find((domain) => domain.uuid === uuid));
  }

  async agentCommand(uuid: string, command: string, options: AgentCallOptions): Promise<string> {
    const { timeoutSeconds, beforeSent } = options;
    const { host, process, faults, trace } = this.#options;
    if (!process.alive) return await new Promise(() => {});
    if (!this.#connected) throw new NotConnectedError('no connection to libvirtd');
    if (beforeSent) await beforeSent();
    const { crashBefore = 0, crashAfter = 0 } = faults()?.calls ?? {};
    const crash = process.chance.oneOf({ before: crashBefore, after: crashAfter });
    const { execute } = JSON.parse(command) as { execute: string };
    trace?.say(
      process.name,
      `${execute} to ${host.guest(uuid)?.name}${crash ? ` – dies ${crash} it takes effect` : ''}`,
    );
    if (crash === 'before') {
      process.die();
      return await new Promise(() => {});
    }
    const answering = host.agentCommand(uuid, command, timeoutSeconds);
    if (crash === 'after') {
      answering.catch(() => {}).finally(() => process.die());
      return await new Promise(() => {});
    }
    try {
      return await process.hear(answering);
    } catch (error) {
      trace?.say(process.name, `${execute} to ${host.guest(uuid)?.name} failed: ${(error as Error).message}`);
      throw error;
    }
  }

  async fsFreeze(uuid: string, options: AgentCallOptions & { mountpoints?: readonly string[] }): Promise<number> {
    const { mountpoints } = options;
    return mountpoints
      ? await this.#typed<number>(uuid, 'guest-fsfreeze-freeze-list', { mountpoints }, options)
      : await this.#typed<number>(uuid, 'guest-fsfreeze-freeze', {}, options);
  }

  async fsThaw(uuid: string, options: AgentCallOptions): Promise<number> {
    return await this.#typed<number>(uuid, 'guest-fsfreeze-thaw', {}, options);
  }

  async wakeUp(): Promise<void> {}

  async isMigrating(): Promise<boolean> {
    return false;
  }

  async setUserPassword(uuid: string, account: AccountPassword, options: AgentCallOptions): Promise<void> {
    await this.#typed(uuid, 'guest-set-user-password', { ...account }, options);
  }

  async agentChannelXml(): Promise<string | undefined> {
    throw notSimulated();
  }

  async attachDevice(): Promise<void> {
    throw notSimulated();
  }

  async detachDevice(): Promise<void> {
    throw notSimulated();
  }

  subscribe(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What libvirt offers as a call of its own is a command of the guest's agent all the same. */
  async #typed<R>(uuid: string, execute: string, args: object, options: AgentCallOptions): Promise<R> {
    const reply = await this.agentCommand(uuid, JSON.stringify({ execute, arguments: args }), options);
    return (JSON.parse(reply) as { return: R }).return;
  }

  async #ask<R>(question: (host: SimulatedHost) => R): Promise<R> {
    const { host, process } = this.#options;
    if (!this.#connected) throw new NotConnectedError('no connection to libvirtd');
    const effectMs = process.chance.between(0.2, 1);
    return await process.call({ effectMs, answerMs: effectMs + 0.2 }, () => question(host));
  }

  #later(event: HypervisorEvent): void {
    const { timeline, process } = this.#options;
    timeline.in(1, () => this.#take(event), process);
  }

  #take(event: HypervisorEvent): void {
    if (event.type === 'disconnected') {
      this.#connected = false;
      // Who stood still hears of all at once, and not in order.
      if (this.#options.host.up) this.#later({ type: 'connected' });
    } else if (event.type === 'connected') {
      if (this.#connected) return;
      this.#connected = true;
    } else if (!this.#connected) return;
    for (const listener of this.#listeners) listener(event);
  }
}

function notSimulated(): LibvirtError {
  return new LibvirtError({ code: virErrorNumber.NO_SUPPORT, domain: 10, level: 2, message: 'not simulated' });
}
