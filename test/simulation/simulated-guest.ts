import type { AgentChannel, Domain, DomainState } from '../../src/guest/hypervisor.ts';
import type { Chance } from './chance.ts';
import { guestCommands, notOfBare } from './guest-commands.ts';
import { SimulatedFilesystems } from './simulated-filesystems.ts';
import { SimulatedGuard } from './simulated-guard.ts';
import { SimulatedSpool } from './simulated-spool.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';

/** What the guest's agent answers: what a command returns, or that it refuses. */
export type AgentReply = { return: unknown } | { error: string };

interface Request {
  command: string;
  args: Record<string, unknown>;
  answer: (reply: AgentReply) => void;
}

export interface SimulatedGuestOptions {
  name: string;
  uuid: string;
  /** Its agent lets nobody run a program or open a file. */
  bare: boolean;
  timeline: Timeline;
  chance: Chance;
  truth: Truth;
  trace: Trace | undefined;
}

export type GuestChange = 'started' | 'stopped' | 'saved' | 'suspended' | 'resumed' | 'connected' | 'disconnected';

/**
 * A guest at the level of its agent's protocol: a channel whose messages are answered in their order, a boot id, and
 * the spool with its runs. It can be rebooted, switched off, paused, frozen by somebody else, or be slow to answer.
 */
export class SimulatedGuest {
  readonly name: string;
  readonly uuid: string;
  readonly bare: boolean;
  readonly spool: SimulatedSpool;
  readonly filesystems: SimulatedFilesystems;
  readonly #options: SimulatedGuestOptions;
  state: DomainState = 'running';
  /** It lies in a file as it was. */
  saved = false;
  channel: AgentChannel = 'connected';
  bootId: string;
  /** How long its agent takes for each answer. */
  answersWithinMs: readonly [number, number] = [1, 4];
  /** The agent reads its channel again then. */
  stalledUntil = 0;
  #inbox: Request[] = [];
  #cancelReading: (() => void) | undefined;
  /** Tells the libvirt of the host that runs it what became of it. */
  onChange: (change: GuestChange) => void = () => {};
  readonly #onGone = new Set<() => void>();

  constructor(options: SimulatedGuestOptions) {
    const { name, uuid, bare, chance } = options;
    this.name = name;
    this.uuid = uuid;
    this.bare = bare;
    this.#options = options;
    this.bootId = chance.uuid();
    this.filesystems = new SimulatedFilesystems({ ...options, guest: uuid });
    const guard = new SimulatedGuard(options.timeline, this.filesystems);
    this.spool = new SimulatedSpool({ ...options, guest: uuid, bootId: () => this.bootId, guard });
  }

  get domain(): Domain {
    const { name, uuid, state, saved } = this;
    const agentChannel = state === 'running' ? this.channel : 'disconnected';
    const size = { vcpus: 1, memoryKiB: 131_072 };
    return { uuid, name, state, movedAway: false, saved, persistent: true, agentChannel, ...size };
  }

  /** Puts a message into the channel. `answer` is called when the agent has carried it out, however late, or never. */
  send(command: string, args: Record<string, unknown>, answer: (reply: AgentReply) => void): void {
    this.#inbox.push({ command, args, answer });
    this.#read();
  }

  /** Calls back once, when whoever would have answered is no more. */
  onGone(callback: () => void): () => void {
    this.#onGone.add(callback);
    return () => void this.#onGone.delete(callback);
  }

  /** The agent reads nothing for a while; what is sent meanwhile waits in its channel. */
  stall(ms: number): void {
    this.#say(`its agent hangs for ${Math.round(ms)} ms`);
    this.stalledUntil = Math.max(this.stalledUntil, this.#options.timeline.elapsed + ms);
  }

  /** The agent is started anew: it knows no pid any more. Its service may take the launchers with it, as systemd does. */
  restartAgent({ killing }: { killing: boolean }): void {
    if (this.state !== 'running' || this.channel !== 'connected') return;
    this.#say(`its agent restarts${killing ? ' and kills what it had started' : ''}`);
    // Until the next agent has told its boot id, a lost answer may leave a doubt.
    this.#options.truth.disturbed.add(this.uuid);
    this.#agentGone();
    // The kernel holds on to a freeze, and the next agent knows of it (C27). The guard may go with the service.
    if (killing) this.#options.truth.unguarded.add(this.uuid);
    this.spool.agentRestarted({ killing });
    this.#options.timeline.in(this.#options.chance.between(100, 3000), () => this.#connect());
  }

  /** It boots anew, as by `reboot` in the guest: no event but the channel's tells of it. */
  reboot(): void {
    if (this.state !== 'running') return;
    this.#say('reboots');
    this.#powerDown();
    this.#boot();
  }

  powerOff(): void {
    if (this.state !== 'running') return;
    this.#say('is switched off');
    this.#powerDown();
    // Its channel goes with it.
    this.#inbox = [];
    this.state = 'shutoff';
    this.onChange('stopped');
  }

  /** It is put into a file as it is, and is off: what is in its memory and its channel goes on when it is started. */
  save(): void {
    if (this.state !== 'running') return;
    this.#say('is saved to disk');
    this.leave();
    this.state = 'shutoff';
    this.saved = true;
    this.onChange('saved');
  }

  #restore(): void {
    this.#say('is restored');
    this.saved = false;
    this.state = 'running';
    this.filesystems.goOn();
    this.onChange('started');
    if (this.channel !== 'connected') this.#boot();
    this.#read();
  }

  powerOn(): void {
    if (this.state !== 'shutoff') return;
    if (this.saved) return this.#restore();
    this.#say('is switched on');
    this.state = 'running';
    this.onChange('started');
    this.#boot();
  }

  pause(): void {
    if (this.state !== 'running') return;
    this.state = 'paused';
    this.filesystems.stand();
    this.onChange('suspended');
  }

  /** Its host has nothing to do with it any more: what is in its memory and its channel goes on at another one. */
  leave(): void {
    this.#cancelReading?.();
    this.#cancelReading = undefined;
    for (const callback of this.#onGone) callback();
    this.#onGone.clear();
    this.state = 'paused';
    this.filesystems.stand();
  }

  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    this.filesystems.goOn();
    this.onChange('resumed');
    this.#read();
  }

  /** Everything that can be set right is. */
  heal(): void {
    this.stalledUntil = 0;
    this.filesystems.letGo();
    this.answersWithinMs = [1, 4];
    this.resume();
    this.powerOn();
    this.#read();
  }

  #powerDown(): void {
    this.#options.truth.disturbed.add(this.uuid);
    this.#agentGone();
    this.filesystems.thaw('power');
    this.spool.powerDown();
    this.bootId = this.#options.chance.uuid();
  }

  #boot(): void {
    this.#options.timeline.in(this.#options.chance.between(1000, 8000), () => this.#connect());
  }

  #connect(): void {
    if (this.state === 'shutoff' || this.channel === 'connected') return;
    this.channel = 'connected';
    this.onChange('connected');
    this.#read();
  }

  /** What the agent had not read is lost with its channel, or waits in it for the next agent. */
  #agentGone(): void {
    this.#cancelReading?.();
    this.#cancelReading = undefined;
    if (this.#options.chance.happens(0.7)) this.#inbox = [];
    if (this.channel === 'connected') {
      this.channel = 'disconnected';
      this.onChange('disconnected');
    }
    for (const callback of this.#onGone) callback();
    this.#onGone.clear();
  }

  #read(): void {
    if (this.#cancelReading || this.#inbox.length === 0) return;
    if (this.state !== 'running' || this.channel !== 'connected') return;
    const { timeline, chance } = this.#options;
    const readyMs = Math.max(chance.between(...this.answersWithinMs), this.stalledUntil - timeline.elapsed);
    this.#cancelReading = timeline.in(readyMs, () => {
      this.#cancelReading = undefined;
      if (this.state !== 'running') return;
      if (this.stalledUntil > timeline.elapsed) return this.#read();
      const request = this.#inbox.shift();
      if (request) request.answer(this.#carryOut(request));
      this.#read();
    });
  }

  #carryOut({ command, args }: Request): AgentReply {
    const run = guestCommands[command];
    if (!run) return { error: `The command ${command} has not been found` };
    if (this.bare && notOfBare.has(command)) return { error: `Command ${command} has been disabled` };
    return run(this, args);
  }

  #say(what: string): void {
    this.#options.trace?.say(this.name, what);
  }
}
