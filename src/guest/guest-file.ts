import type { Command } from '../qga/command.ts';
import {
  bytesOf,
  guestFileClose,
  guestFileFlush,
  guestFileOpen,
  guestFileRead,
  guestFileSeek,
  guestFileWrite,
} from '../qga/commands.ts';
import { AgentError } from '../qga/errors.ts';
import type { Clock } from '../seams/clock.ts';
import { callPriority, type GuestAgent } from './guest-agent.ts';

export interface FileCall {
  clock: Clock;
  /** Gives up waiting for the guest's turn. */
  signal: AbortSignal;
}

/** Small enough that a slow guest is done with it in time, and that what is more urgent waits little. */
const readChunkBytes = 262_144;
/** In base64 and with all that is around it, less than the longest request (C43). */
const writeChunkBytes = 131_072;
const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** A guest is frozen for ten minutes at most (C21). */
const longestFreezeMs = 15 * 60_000;

/**
 * A file that a guest's agent holds open. Its methods throw an AgentError. Whoever opened it closes it.
 *
 * INVARIANT: nothing is sent twice but what the agent refused and did nothing of: a read or write that failed in its midst
 * has moved on in the file. A freeze in its midst is waited for: it refuses everything (C21), and says nothing of the file.
 */
export class GuestFile {
  /** What the agent calls it. It forgets its handles when it ends, and uses a number once only. */
  readonly handle: number;
  readonly #agent: GuestAgent;
  readonly #call: FileCall;
  /** Where the next read or write begins, in bytes. */
  #position = 0;

  constructor(agent: GuestAgent, handle: number, call: FileCall) {
    this.#agent = agent;
    this.handle = handle;
    this.#call = call;
  }

  /**
   * `mode` is that of fopen: `r`, or `w`, which empties the file. A freeze is not waited for, as nothing has begun: its
   * refusal is retryable, and no other is. `unlessSent`: it is not opened any more, and the signal's reason is thrown.
   */
  static async open(
    agent: GuestAgent,
    path: string,
    mode: 'r' | 'w',
    call: FileCall & { unlessSent?: AbortSignal },
  ): Promise<GuestFile> {
    const { signal, unlessSent } = call;
    const options = { priority: callPriority.action, signal, unlessSent };
    const open = () => agent.call(guestFileOpen, { path, mode }, options);
    const handle = await open().catch(async (error: unknown) => {
      if (!(error instanceof AgentError) || error.outcome !== 'Refused') throw error;
      if (!(await agent.isFrozen(signal))) return await open();
      throw new AgentError(error.code, error.outcome, true, error.message, { cause: error });
    });
    return new GuestFile(agent, handle, call);
  }

  /** Where the file ends, in bytes; undefined where it has no end to go to. */
  async size(): Promise<number | undefined> {
    return await this.#seek(0, 'end');
  }

  /** Reads up to `most` bytes from `offset` on; `eof` when the end was met. */
  async read(offset: number, most: number): Promise<{ bytes: Buffer; eof: boolean }> {
    await this.goTo(offset);
    const parts: Buffer[] = [];
    const chunks = this.chunks(most);
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) return { bytes: Buffer.concat(parts), eof: value === 'eof' };
      parts.push(value);
    }
  }

  /** What is read next begins there. */
  async goTo(offset: number): Promise<void> {
    if ((await this.#seek(offset, 'set')) === undefined && offset > 0) {
      throw new AgentError('Refused', 'Refused', false, `it can't be read from byte ${offset} on`);
    }
  }

  /** Reads on, up to `most` bytes; returns whether that was the end of the file. */
  async *chunks(most: number, chunkBytes = readChunkBytes): AsyncGenerator<Buffer, 'eof' | 'more'> {
    for (let left = most; left > 0; ) {
      const count = Math.min(left, chunkBytes);
      const read = await this.#ask(guestFileRead, { handle: this.handle, count }, 'moves');
      const bytes = bytesOf(read['buf-b64']);
      this.#position += bytes.length;
      // An agent that gives more than it was asked for is not believed, nor is one that would give nothing for ever.
      const chunk = bytes.subarray(0, left);
      if (chunk.length > 0) yield chunk;
      left -= chunk.length;
      if (read.eof || chunk.length === 0) return 'eof';
    }
    return 'more';
  }

  /** Reads up to `most` bytes of a file that was just opened and closes it, whatever happens. */
  async readAndClose(most: number): Promise<Buffer> {
    try {
      return Buffer.concat(await Array.fromAsync(this.chunks(most)));
    } finally {
      await this.close();
    }
  }

  /** Writes all of it, however little the agent takes at once, and has it reach the guest's kernel. */
  async writeAll(bytes: Buffer): Promise<void> {
    const { handle } = this;
    for (let at = 0; at < bytes.length; ) {
      const chunk = bytes.subarray(at, at + writeChunkBytes).toString('base64');
      const { count } = await this.#ask(guestFileWrite, { handle, 'buf-b64': chunk }, 'moves');
      this.#position += count;
      if (count === 0) throw new AgentError('Refused', 'Refused', false, 'the guest takes no more bytes');
      at += count;
    }
    await this.#ask(guestFileFlush, { handle });
  }

  /** Writes all of it and closes the file, whatever happens; answers what went wrong. Rejects with the signal's reason. */
  async fillAndClose(bytes: Buffer): Promise<AgentError | undefined> {
    let failure: AgentError | undefined;
    try {
      await this.writeAll(bytes);
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      failure = error;
    }
    const unclosed = await this.close();
    return failure ?? unclosed;
  }

  /**
   * Closes it, and keeps at it while the agent can't be reached or is frozen: no handle is left open in a guest. Resolves
   * to what the agent said where it had something to say against it, a full disk for instance. Rejects with the signal's
   * reason.
   */
  async close(): Promise<AgentError | undefined> {
    const { clock, signal } = this.#call;
    const until = clock.monotonic() + longestFreezeMs;
    let sent = false;
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(waitMs * 2, longestRetryMs)) {
      try {
        const options = { priority: callPriority.status, signal };
        await this.#agent.call(guestFileClose, { handle: this.handle }, options);
        return undefined;
      } catch (error) {
        if (!(error instanceof AgentError)) throw error;
        // Once it may have been closed, a refusal says that it has been.
        if (error.outcome === 'Refused' && !(await this.#agent.isFrozen(signal))) return sent ? undefined : error;
        if (clock.monotonic() > until || (await this.#agent.isGone(error, signal))) return error;
        sent ||= error.outcome === 'Unknown';
      }
      await clock.sleep(waitMs, signal);
    }
  }

  async #seek(offset: number, whence: 'set' | 'end'): Promise<number | undefined> {
    try {
      // Numbers, since the words came with 2.6 only.
      const to = { handle: this.handle, offset, whence: whence === 'set' ? 0 : 2 };
      const { position } = await this.#ask(guestFileSeek, to);
      this.#position = Number(position);
      return this.#position;
    } catch (error) {
      if (error instanceof AgentError && error.outcome === 'Refused') return undefined;
      throw error;
    }
  }

  /** A refusal is asked about at once, and what a guest refuses that is not frozen is sent once more: it may just have been. */
  async #ask<A, R>(command: Command<A, R>, args: NoInfer<A>, moves?: 'moves'): Promise<R> {
    const { clock, signal } = this.#call;
    const until = clock.monotonic() + longestFreezeMs;
    let refusedThawed = false;
    for (let waitMs = firstRetryMs; ; ) {
      try {
        return await this.#agent.call(command, args, this.#options());
      } catch (error) {
        if (!(error instanceof AgentError) || error.outcome !== 'Refused') throw error;
        const frozen = await this.#agent.isFrozen(signal);
        if ((!frozen && refusedThawed) || clock.monotonic() > until) throw error;
        if (!frozen && moves && (await this.#hasMoved())) throw error;
        refusedThawed = !frozen;
      }
      if (refusedThawed) continue;
      await clock.sleep(waitMs, signal);
      waitMs = Math.min(waitMs * 2, longestRetryMs);
    }
  }

  /** Whether what was refused was begun, or may have been: then bytes would be missing, or there twice. */
  async #hasMoved(): Promise<boolean> {
    const here = { handle: this.handle, offset: 0, whence: 1 };
    try {
      const { position } = await this.#agent.call(guestFileSeek, here, this.#options());
      return Number(position) !== this.#position;
    } catch (error) {
      if (error instanceof AgentError) return true;
      throw error;
    }
  }

  #options() {
    return { priority: callPriority.action, signal: this.#call.signal };
  }
}
