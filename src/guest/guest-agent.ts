import PQueue from 'p-queue';
import { unlessAborted } from '../libvirt/abort.ts';
import { LibvirtError, NotConnectedError } from '../libvirt/errors.ts';
import { type Command, decode, encode } from '../qga/command.ts';
import { guestFsfreezeStatus } from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import { classify } from './classify.ts';
import {
  type AccountPassword,
  type AgentCallOptions,
  type Domain,
  type Hypervisor,
  type HypervisorEvent,
  isOff,
} from './hypervisor.ts';
import { PollPace } from './poll-pace.ts';
import { withoutSecret } from './without-secret.ts';

/** Who goes first when several calls wait for one guest: what lets go of a guest, then what ends work, then new work. */
export const callPriority = { inventory: 0, action: 1, status: 2, thaw: 3 } as const;

export interface CallOptions {
  priority: number;
  /** Gives up waiting; a call on its way goes on to its end, and no other begins before. */
  signal?: AbortSignal | undefined;
  /** Gives up a call that is not on its way yet, with the signal's reason; the answer to one that is, is waited for. */
  unlessSent?: AbortSignal | undefined;
  /**
   * Awaited once it has its lane, right before it is sent. What it throws is thrown as it is, and nothing is sent; nor
   * where the call is given up meanwhile. It may be called again, where a thaw goes first after all.
   */
  beforeSent?: (() => Promise<void> | void) | undefined;
  /** How long the guest may take to answer. */
  timeoutSeconds?: number;
}

/** Hears of every call that is sent, whoever makes it; what it returns hears of the call's end. */
export type CallListener = (command: string) => (failure?: AgentError) => void;

const defaultTimeoutSeconds = 10;

/** Why a call gives up waiting for a lane: it waits for its turn anew. */
const gaveWay = new Error('a thaw of the same guest goes first');

/**
 * The guest agent of one domain.
 *
 * INVARIANT: at most one call is on its way to a guest. libvirt holds one agent job per domain (C15) and the agent is
 * single threaded (C16), so a second call would only block a lane; and while calls wait here, they can be put in order.
 */
export class GuestAgent {
  readonly uuid: string;
  /** When its runs are to be asked about. */
  readonly pace = new PollPace();
  readonly #hypervisor: Hypervisor;
  readonly #onSent: CallListener;
  readonly #queue = new PQueue({ concurrency: 1 });
  /** Takes its turn from the call that has it, if that one still waits for a lane; one on its way does not hear of it. */
  #giveWay = () => {};

  constructor(hypervisor: Hypervisor, uuid: string, onSent: CallListener = () => () => {}) {
    this.#hypervisor = hypervisor;
    this.uuid = uuid;
    this.#onSent = onSent;
  }

  /** Whether the agent says that its filesystems are frozen; false where it doesn't say. Rejects with the signal's reason. */
  async isFrozen(signal: AbortSignal): Promise<boolean> {
    try {
      return (await this.call(guestFsfreezeStatus, {}, { priority: callPriority.status, signal })) === 'frozen';
    } catch (error) {
      if (error instanceof AgentError) return false;
      throw error;
    }
  }

  /** The guest's domain as libvirt has it now; undefined when there is none. Throws libvirt's errors. */
  async domain(signal: AbortSignal): Promise<Domain | undefined> {
    return await this.#hypervisor.domain(this.uuid, signal);
  }

  /** Whether the guest is on its way to another host, which its agent is not asked about. Throws as `call` does. */
  async isMigrating(signal: AbortSignal): Promise<boolean> {
    try {
      return await this.#hypervisor.isMigrating(this.uuid, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw classify(error, this.#hypervisor.info()?.libvirtVersion);
    }
  }

  /** Calls the listener with what happens to the guest's domain, from now on. Returns a function that ends that. */
  watch(listener: (event: HypervisorEvent) => void): () => void {
    return this.#hypervisor.subscribe((event) => {
      if (!('uuid' in event) || event.uuid === this.uuid) listener(event);
    });
  }

  /** Wakes the guest where it suspended itself to its memory. Throws libvirt's errors. */
  async wakeUp(signal: AbortSignal): Promise<void> {
    await this.#hypervisor.wakeUp(this.uuid, signal);
  }

  /**
   * Whether the domain is gone or powered off, so that nothing of what ran in it is left; a paused one is not, nor one that
   * was saved.
   */
  async isOff(signal: AbortSignal): Promise<boolean> {
    const domain = await this.domain(signal);
    return domain === undefined || (isOff(domain) && !domain.saved);
  }

  /**
   * Whether what a call failed on is known to last: nothing of what ran in the guest is left, or it can be reached no
   * more. Whoever asks is in the midst of a failure: what libvirt can't say now is no failure of its own.
   */
  async isGone({ code }: AgentError, signal: AbortSignal): Promise<boolean> {
    if (code === 'NoDomain' || code === 'NoChannel') return true;
    if (code !== 'NotRunning') return false;
    try {
      return await this.isOff(signal);
    } catch (error) {
      if (error instanceof LibvirtError || error instanceof NotConnectedError) return false;
      throw error;
    }
  }

  /** Does something to the guest from outside while no call is on its way to it, before whatever else waits. */
  async undisturbed<R>(work: () => Promise<R>): Promise<R> {
    return await this.#queue.add(work, { priority: callPriority.thaw });
  }

  /** Sends one command and returns its parsed answer. Throws an AgentError, or the signal's reason while it waited. */
  async call<A, R>(command: Command<A, R>, args: NoInfer<A>, options: CallOptions): Promise<R> {
    const request = encode(command, args);
    const reply = await this.#inTurn(command.sentAs, options, (call) =>
      this.#hypervisor.agentCommand(this.uuid, request, call),
    );
    return decode(command, reply);
  }

  /** Freezes filesystems, all or those of `mountpoints`; answers how many. Throws as `call` does. */
  async freeze(options: CallOptions & { mountpoints?: readonly string[] | undefined }): Promise<number> {
    const { mountpoints } = options;
    return await this.#inTurn('guest-fsfreeze-freeze', options, (call) =>
      this.#hypervisor.fsFreeze(this.uuid, { ...call, ...(mountpoints && { mountpoints }) }),
    );
  }

  /**
   * Thaws all filesystems, before whatever else waits for this guest, be it for its turn or for a lane; answers how many.
   * Throws as `call` does.
   */
  async thaw(options: Omit<CallOptions, 'priority'>): Promise<number> {
    this.#giveWay();
    return await this.#inTurn('guest-fsfreeze-thaw', { ...options, priority: callPriority.thaw }, (call) =>
      this.#hypervisor.fsThaw(this.uuid, call),
    );
  }

  /** Sets an account's password. Throws as `call` does; what the error says has nothing of the password in it. */
  async setUserPassword(account: AccountPassword, options: CallOptions): Promise<void> {
    try {
      await this.#inTurn('guest-set-user-password', options, (call) =>
        this.#hypervisor.setUserPassword(this.uuid, account, call),
      );
    } catch (error) {
      throw error instanceof AgentError ? withoutSecret(error, account.password) : error;
    }
  }

  /** `command`: what the agent gets to see. */
  async #inTurn<R>(command: string, options: CallOptions, send: (call: AgentCallOptions) => Promise<R>): Promise<R> {
    for (;;) {
      try {
        return await this.#once(command, options, send);
      } catch (error) {
        if (error !== gaveWay) throw error;
      }
    }
  }

  async #once<R>(command: string, options: CallOptions, send: (call: AgentCallOptions) => Promise<R>): Promise<R> {
    const { priority, signal, unlessSent, beforeSent, timeoutSeconds = defaultTimeoutSeconds } = options;
    signal?.throwIfAborted();
    unlessSent?.throwIfAborted();
    const turn = new AbortController();
    // First it waits for its turn, then for a lane. Of the second the queue must not hear: it would give the turn to the
    // next, though the call be on its way by then.
    let waiting = turn;
    const giveUp = () => waiting.abort((signal?.aborted ? signal : unlessSent)?.reason);
    signal?.addEventListener('abort', giveUp, { once: true });
    unlessSent?.addEventListener('abort', giveUp, { once: true });
    const call = this.#queue.add(
      async () => {
        const lane = new AbortController();
        waiting = lane;
        this.#giveWay = priority < callPriority.thaw ? () => lane.abort(gaveWay) : () => {};
        const ended = this.#onSent(command);
        const onLane = beforeSent && (() => lastWord(lane, beforeSent));
        try {
          const reply = await send({ timeoutSeconds, signal: lane.signal, beforeSent: onLane });
          ended();
          return reply;
        } catch (error) {
          // It waited for a lane, or was held back on it, and was not sent.
          if (lane.signal.aborted && error === lane.signal.reason) throw error;
          const failure = classify(error, this.#hypervisor.info()?.libvirtVersion);
          ended(failure);
          throw failure;
        } finally {
          this.#giveWay = () => {};
        }
      },
      { priority, signal: turn.signal },
    );
    try {
      return await unlessAborted(call, signal);
    } finally {
      signal?.removeEventListener('abort', giveUp);
      unlessSent?.removeEventListener('abort', giveUp);
    }
  }
}

/** Calls off what waits for a lane, or has one and is not on its way yet, where `beforeSent` fails. */
async function lastWord(lane: AbortController, beforeSent: () => Promise<void> | void): Promise<void> {
  try {
    await beforeSent();
  } catch (error) {
    lane.abort(error);
  }
  lane.signal.throwIfAborted();
}
