import PQueue from 'p-queue';
import { type Command, decode, encode } from '../qga/command.ts';
import { classify } from './classify.ts';
import type { Hypervisor } from './hypervisor.ts';

/** Who goes first when several calls wait for one guest: what lets go of a guest, then what ends work, then new work. */
export const callPriority = { inventory: 0, action: 1, status: 2, thaw: 3 } as const;

export interface CallOptions {
  priority: number;
  /** Gives up waiting for the guest's turn; a call on its way is not abandoned. */
  signal?: AbortSignal | undefined;
  /** How long the guest may take to answer. */
  timeoutSeconds?: number;
}

const defaultTimeoutSeconds = 10;

/**
 * The guest agent of one domain.
 *
 * INVARIANT: at most one call is on its way to a guest. libvirt holds one agent job per domain (C15) and the agent is
 * single threaded (C16), so a second call would only block a lane; and while calls wait here, they can be put in order.
 */
export class GuestAgent {
  readonly uuid: string;
  readonly #hypervisor: Hypervisor;
  readonly #queue = new PQueue({ concurrency: 1 });

  constructor(hypervisor: Hypervisor, uuid: string) {
    this.#hypervisor = hypervisor;
    this.uuid = uuid;
  }

  /** Whether the domain is gone or powered off, so that nothing of what ran in it is left; a paused one is not. */
  async isOff(signal: AbortSignal): Promise<boolean> {
    const domain = await this.#hypervisor.domain(this.uuid, signal);
    return domain === undefined || domain.state === 'shutoff' || domain.state === 'crashed';
  }

  /** Sends one command and returns its parsed answer. Throws an AgentError, or the signal's reason while it waited. */
  async call<A, R>(command: Command<A, R>, args: A, options: CallOptions): Promise<R> {
    const { priority, signal, timeoutSeconds = defaultTimeoutSeconds } = options;
    const request = encode(command, args);
    return await this.#queue.add(
      async () => {
        let reply: string;
        try {
          reply = await this.#hypervisor.agentCommand(this.uuid, request, { timeoutSeconds, signal });
        } catch (error) {
          signal?.throwIfAborted();
          throw classify(error, this.#hypervisor.info()?.libvirtVersion);
        }
        return decode(command as Command<never, R>, reply);
      },
      { priority, ...(signal && { signal }) },
    );
  }
}
