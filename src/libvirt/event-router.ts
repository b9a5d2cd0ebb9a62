import type { CallbackSink } from './ffi.ts';

/** What libvirt calls back about one connection. */
export type ConnectionCallbacks = {
  [Kind in keyof CallbackSink]: CallbackSink[Kind] extends (token: bigint, ...rest: infer Rest) => void
    ? (...rest: Rest) => void
    : never;
};

/**
 * Brings each callback of libvirt to the connection it is about. C holds one function pointer of a kind for the life
 * of the process, and a number for each connection: a late callback for a closed one finds nobody and is dropped,
 * where a function pointer given back too early would crash.
 */
class EventRouter implements CallbackSink {
  readonly #receivers = new Map<bigint, ConnectionCallbacks>();
  #lastToken = 0n;

  /** Returns the number to register callbacks with. */
  add(receiver: ConnectionCallbacks): bigint {
    this.#lastToken += 1n;
    this.#receivers.set(this.#lastToken, receiver);
    return this.#lastToken;
  }

  remove(token: bigint): void {
    this.#receivers.delete(token);
  }

  lifecycle(token: bigint, domainUuid: string, event: number, detail: number): void {
    this.#receivers.get(token)?.lifecycle(domainUuid, event, detail);
  }

  agentLifecycle(token: bigint, domainUuid: string, state: number, reason: number): void {
    this.#receivers.get(token)?.agentLifecycle(domainUuid, state, reason);
  }

  reboot(token: bigint, domainUuid: string): void {
    this.#receivers.get(token)?.reboot(domainUuid);
  }

  metadataChange(token: bigint, domainUuid: string): void {
    this.#receivers.get(token)?.metadataChange(domainUuid);
  }

  closed(token: bigint, reason: number): void {
    this.#receivers.get(token)?.closed(reason);
  }
}

export const eventRouter = new EventRouter();
