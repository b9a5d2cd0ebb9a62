import { type Domain, type HypervisorEvent, stoppedDetail } from '../../src/guest/hypervisor.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../src/libvirt/errors.ts';
import type { Chance } from './chance.ts';
import type { GuestFaults } from './faults.ts';
import { type AgentReply, type GuestChange, SimulatedGuest } from './simulated-guest.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';
import type { Truth } from './truth.ts';

export interface SimulatedHostOptions {
  node: string;
  libvirtVersion: string;
  guests: { name: string; uuid: string; bare: boolean }[];
  timeline: Timeline;
  chance: Chance;
  truth: Truth;
  trace: Trace | undefined;
  faults(): GuestFaults | undefined;
}

/** libvirt's handling of one domain's agent: one call at a time (C15), and a sync before the next after one that failed (C17). */
interface AgentJob {
  busy: boolean;
  waiting: Set<() => void>;
  synced: boolean;
}

const longestWaitMs = 30_000;
const syncMs = 5000;

/** A hypervisor's libvirtd and its domains. */
export class SimulatedHost {
  readonly node: string;
  readonly libvirtVersion: string;
  readonly guests: SimulatedGuest[];
  up = true;
  /** Counts libvirtd's lives: what one began the next knows nothing of. */
  #life = 0;
  readonly #options: SimulatedHostOptions;
  readonly #listeners = new Set<(event: HypervisorEvent) => void>();
  readonly #onDown = new Set<() => void>();
  readonly #jobs = new Map<string, AgentJob>();
  /** Definitions of guests that were moved away, by UUID. */
  readonly #leftBehind = new Map<string, Domain>();

  constructor(options: SimulatedHostOptions) {
    this.node = options.node;
    this.libvirtVersion = options.libvirtVersion;
    this.#options = options;
    this.guests = options.guests.map((each) => {
      const guest = new SimulatedGuest({ ...options, ...each, chance: options.chance.fork(each.name) });
      guest.onChange = (change) => this.#tellOf(guest, change);
      return guest;
    });
  }

  /** As libvirt lists them: also the definitions of guests that run elsewhere by now. */
  get domains(): Domain[] {
    return [...this.guests.map(({ domain }) => domain), ...this.#leftBehind.values()];
  }

  /**
   * Moves a running guest to another host, as a live migration does: it stands still for a moment, and goes on there
   * with all that is in its memory. Its definition may stay here.
   */
  moveAway(guest: SimulatedGuest, to: SimulatedHost): void {
    const { trace, chance } = this.#options;
    if (!this.up || !to.up || guest.state !== 'running') return;
    trace?.say(guest.name, `moves from ${this.node} to ${to.node}`);
    this.guests.splice(this.guests.indexOf(guest), 1);
    this.#jobs.delete(guest.uuid);
    guest.leave();
    this.#emit({ type: 'lifecycle', uuid: guest.uuid, event: 'stopped', detail: stoppedDetail.migrated });
    if (chance.happens(0.5)) {
      const { domain } = guest;
      this.#leftBehind.set(guest.uuid, { ...domain, state: 'shutoff', movedAway: true });
    } else this.#emit({ type: 'lifecycle', uuid: guest.uuid, event: 'undefined', detail: 0 });
    to.#receive(guest);
  }

  #receive(guest: SimulatedGuest): void {
    const { timeline, chance } = this.#options;
    this.#leftBehind.delete(guest.uuid);
    this.guests.push(guest);
    guest.onChange = (change) => this.#tellOf(guest, change);
    timeline.in(chance.between(1, 300), () => guest.resume());
  }

  #tellOf({ uuid }: SimulatedGuest, change: GuestChange): void {
    if (change === 'connected' || change === 'disconnected') this.#emit({ type: 'agent', uuid, state: change });
    else if (change === 'saved') {
      this.#emit({ type: 'lifecycle', uuid, event: 'stopped', detail: stoppedDetail.saved });
    } else this.#emit({ type: 'lifecycle', uuid, event: change, detail: 0 });
  }

  guest(uuid: string): SimulatedGuest | undefined {
    return this.guests.find((guest) => guest.uuid === uuid);
  }

  onEvent(listener: (event: HypervisorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** libvirtd ends and is back after a while: calls under way break off, what happens meanwhile nobody is told (C20). */
  restart(downMs: number): void {
    if (!this.up) return;
    this.#options.trace?.say(this.node, `libvirtd is down for ${Math.round(downMs)} ms`);
    this.up = false;
    this.#life++;
    this.#jobs.clear();
    for (const callback of this.#onDown) callback();
    this.#onDown.clear();
    this.#emitNow({ type: 'disconnected', message: 'libvirtd closed the connection' });
    this.#options.timeline.in(downMs, () => {
      this.up = true;
      this.#emitNow({ type: 'connected' });
    });
  }

  /** virDomainQemuAgentCommand, as far as it matters: what is refused, sent, answered, and said of what was not. */
  async agentCommand(uuid: string, request: string, timeoutSeconds: number): Promise<string> {
    if (!this.up) throw new NotConnectedError(`no connection to libvirtd of ${this.node}`);
    const life = this.#life;
    const guest = this.#reachable(uuid, life);
    const { chance, faults, timeline } = this.#options;
    const { execute, arguments: args = {} } = JSON.parse(request) as { execute: string; arguments?: object };
    const fault = chance.oneOf(faults()?.calls ?? {});
    const job = this.#jobOf(uuid);
    if (fault === 'busy') {
      await timeline.sleep(longestWaitMs);
      throw isHeld();
    }
    await this.#take(job);
    try {
      this.#reachable(uuid, life);
      if (fault === 'unsent' || !job.synced) await this.#sync(guest, job, fault === 'unsent' ? syncMs : 0);
      if (fault === 'stalled') guest.stall(chance.between(200, 40_000));
      await timeline.sleep(chance.between(0.3, 1.5));
      this.#reachable(uuid, life);
      const reply = await this.#exchange(guest, execute, { ...args }, timeoutSeconds, fault);
      return this.#answerOf(execute, reply, fault);
    } catch (error) {
      // What comes from now on belongs to nobody.
      if (error instanceof LibvirtError && error.code !== virErrorNumber.OPERATION_INVALID) job.synced = false;
      throw error;
    } finally {
      job.busy = false;
      for (const wake of job.waiting) {
        wake();
        break;
      }
    }
  }

  #answerOf(execute: string, reply: AgentReply, fault: string | undefined): string {
    if ('error' in reply) {
      const message = `unable to execute QEMU agent command '${execute}': ${reply.error}`;
      throw this.#tellsSentFromUnsent
        ? failed(virErrorNumber.AGENT_COMMAND_FAILED, `guest agent command failed: ${message}`)
        : failed(virErrorNumber.INTERNAL_ERROR, `internal error: ${message}`);
    }
    if (fault === 'tooLarge') throw failed(virErrorNumber.RPC, 'Unable to encode message payload');
    return JSON.stringify(reply);
  }

  /** Sends one command and waits for its answer, its time to be over, or either end to go away. */
  #exchange(
    guest: SimulatedGuest,
    command: string,
    args: Record<string, unknown>,
    timeoutSeconds: number,
    fault: string | undefined,
  ): Promise<AgentReply> {
    const { timeline } = this.#options;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        cancel();
        stopWatchingGuest();
        this.#onDown.delete(down);
        settle();
      };
      const sentUnanswered = this.#tellsSentFromUnsent
        ? virErrorNumber.AGENT_COMMAND_TIMEOUT
        : virErrorNumber.AGENT_UNRESPONSIVE;
      const silent = () => end(() => reject(failed(sentUnanswered, 'Guest agent not responding')));
      const disappeared = 'Guest agent disappeared while executing command';
      const gone = () => end(() => reject(failed(virErrorNumber.AGENT_UNRESPONSIVE, disappeared)));
      const down = () => end(() => reject(failed(virErrorNumber.SYSTEM_ERROR, 'Broken pipe', true)));
      const cancel = timeline.in(timeoutSeconds * 1000, silent);
      const stopWatchingGuest = guest.onGone(gone);
      this.#onDown.add(down);
      guest.send(command, args, (reply) => {
        if (fault !== 'answerLost') end(() => resolve(reply));
      });
    });
  }

  /** libvirt sends the next command only when the agent has answered a sync. */
  async #sync(guest: SimulatedGuest, job: AgentJob, longerMs: number): Promise<void> {
    const { timeline } = this.#options;
    const waitMs = Math.max(longerMs, guest.stalledUntil - timeline.elapsed);
    if (waitMs >= syncMs) {
      await timeline.sleep(syncMs);
      throw failed(virErrorNumber.AGENT_UNRESPONSIVE, 'Guest agent is not responding');
    }
    await timeline.sleep(Math.max(1, waitMs));
    job.synced = true;
  }

  async #take(job: AgentJob): Promise<void> {
    const { timeline } = this.#options;
    const until = timeline.elapsed + longestWaitMs;
    while (job.busy) {
      const leftMs = until - timeline.elapsed;
      if (leftMs <= 0) throw isHeld();
      await new Promise<void>((resolve) => {
        const go = () => {
          cancel();
          job.waiting.delete(go);
          resolve();
        };
        const cancel = timeline.in(leftMs, go);
        job.waiting.add(go);
      });
    }
    job.busy = true;
  }

  #jobOf(uuid: string): AgentJob {
    let job = this.#jobs.get(uuid);
    if (!job) this.#jobs.set(uuid, (job = { busy: false, waiting: new Set(), synced: true }));
    return job;
  }

  #reachable(uuid: string, life: number): SimulatedGuest {
    if (life !== this.#life) throw failed(virErrorNumber.SYSTEM_ERROR, 'Broken pipe', true);
    const guest = this.guest(uuid);
    if (!guest && this.#leftBehind.has(uuid)) throw failed(virErrorNumber.OPERATION_INVALID, 'domain is not running');
    if (!guest) throw failed(virErrorNumber.NO_DOMAIN, 'Domain not found');
    if (guest.state !== 'running') throw failed(virErrorNumber.OPERATION_INVALID, 'domain is not running');
    if (guest.channel !== 'connected') {
      throw failed(virErrorNumber.AGENT_UNRESPONSIVE, 'QEMU guest agent is not connected');
    }
    return guest;
  }

  /** From 11.2 on libvirt has a code of its own for what was sent and not answered (C13). */
  get #tellsSentFromUnsent(): boolean {
    return this.libvirtVersion.startsWith('11.');
  }

  #emit(event: HypervisorEvent): void {
    if (this.up) this.#emitNow(event);
  }

  #emitNow(event: HypervisorEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function isHeld(): LibvirtError {
  return failed(virErrorNumber.OPERATION_TIMEOUT, 'cannot acquire state change lock');
}

function failed(code: number, message: string, connectionLost = false): LibvirtError {
  return new LibvirtError({ code, domain: 10, level: 2, message }, connectionLost);
}
