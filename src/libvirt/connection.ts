import { type Clock, realClock } from './clock.ts';
import { DomainHandle } from './domain-handle.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from './errors.ts';
import { type ConnectionCallbacks, eventRouter } from './event-router.ts';
import { explainOpenFailure } from './explain-open-failure.ts';
import type { ConnectionPointer, DomainPointer, NativeLibvirt } from './ffi.ts';
import { loadLibvirt } from './library.ts';

/** When a silent peer counts as gone: after `count` questions, one each `intervalSeconds`, and one interval more. */
export interface KeepAlive {
  intervalSeconds: number;
  count: number;
}

export interface HypervisorVersions {
  /** The daemon's, as `11.3.0`. */
  libvirt: string;
  /** As `QEMU 10.0.2`. */
  hypervisor: string;
}

/** A peer that answered so lately is taken to be well, in milliseconds. */
const trustedMs = 1000;

/** What a broken connection may leave as the error of the call it broke. */
const codesOfBrokenConnection = new Set<number>([
  virErrorNumber.INTERNAL_ERROR,
  virErrorNumber.SYSTEM_ERROR,
  virErrorNumber.RPC,
]);

/**
 * One connection to libvirt.
 *
 * INVARIANT: one call at a time. libvirt keeps errors by thread, which an FFI can't come back to, and by connection:
 * there the last error belongs to the last call, as long as nobody else calls. A second call throws.
 */
export class Connection {
  readonly #native: NativeLibvirt;
  readonly #pointer: ConnectionPointer;
  #busy = false;
  #closed = false;
  /** When the peer last answered, on the monotonic clock. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  readonly #clock: Clock;
  /** Domains looked up before, by UUID. */
  readonly #known = new Map<string, DomainPointer>();
  /** What takes back each registration. */
  readonly #registrations: (() => Promise<unknown>)[] = [];

  private constructor(native: NativeLibvirt, pointer: ConnectionPointer, clock: Clock) {
    this.#native = native;
    this.#pointer = pointer;
    this.#clock = clock;
  }

  /** Throws NotConnectedError. There is no timeout: libvirt has none, and the attempt can't be called back. */
  static async open(uri: string, keepAlive: KeepAlive, clock: Clock = realClock): Promise<Connection> {
    const native = loadLibvirt();
    const pointer = await native.connectOpen(uri);
    if (pointer === null) throw new NotConnectedError(`no connection to ${uri}: ${await explainOpenFailure(uri)}`);
    const connection = new Connection(native, pointer, clock);
    try {
      await connection.#keepAlive(keepAlive);
    } catch (error) {
      await connection.close();
      throw new NotConnectedError(`no connection to ${uri}: ${String(error)}`, { cause: error });
    }
    return connection;
  }

  /** Whether the peer is still there, as far as this end has noticed; asks nobody. */
  isAlive(): boolean {
    return this.#native.connectIsAlive(this.#pointer) === 1;
  }

  /** Runs `use` with the domain. Throws LibvirtError with NO_DOMAIN when there is none of this UUID. */
  async withDomain<T>(uuid: string, use: (domain: DomainHandle) => Promise<T>): Promise<T> {
    const pointer = await this.#checked(() => this.#native.domainLookupByUuid(this.#pointer, uuid));
    return await this.#use(pointer, use);
  }

  /**
   * The same, without looking the domain up again when this connection did before and answered a moment ago: libvirt knows
   * it by its UUID for good, whether it is started anew or defined anew meanwhile. Its name may have become another.
   *
   * After a longer silence the look-up is worth its while: a daemon that hangs is met by a harmless question.
   */
  async withKnownDomain<T>(uuid: string, use: (domain: DomainHandle) => Promise<T>): Promise<T> {
    if (this.#clock.monotonic() - this.#answeredAt > trustedMs) this.#forgetDomains();
    let pointer = this.#known.get(uuid);
    if (pointer === undefined) {
      pointer = await this.#checked(() => this.#native.domainLookupByUuid(this.#pointer, uuid));
      this.#known.set(uuid, pointer);
    }
    return await use(this.#handleOf(pointer));
  }

  /** Runs `use` with each domain there is, one after the other. */
  async eachDomain(use: (domain: DomainHandle) => Promise<void>): Promise<void> {
    const pointers = await this.#checked(() => this.#native.connectListAllDomains(this.#pointer));
    try {
      while (pointers.length > 0) await this.#use(pointers.pop() as DomainPointer, use);
    } finally {
      for (const left of pointers) this.#native.domainFree(left);
    }
  }

  async versions(): Promise<HypervisorVersions> {
    const libvirt = await this.#checked(() => this.#native.connectGetLibVersion(this.#pointer));
    const type = await this.#checked(() => this.#native.connectGetType(this.#pointer));
    const hypervisor = await this.#checked(() => this.#native.connectGetVersion(this.#pointer));
    return { libvirt: dotted(libvirt), hypervisor: `${type} ${dotted(hypervisor)}` };
  }

  /** Delivers events of all domains, and the end of the connection, until it is closed. Once a connection. */
  async listen(callbacks: ConnectionCallbacks): Promise<void> {
    const token = eventRouter.add(callbacks);
    this.#registrations.push(async () => eventRouter.remove(token));
    await this.#checked(() => this.#native.registerCloseCallback(this.#pointer, token));
    this.#registrations.push(() => this.#native.unregisterCloseCallback(this.#pointer));
    for (const kind of ['lifecycle', 'reboot', 'agentLifecycle', 'metadataChange'] as const) {
      const id = await this.#checked(() => this.#native.registerDomainEvent(this.#pointer, kind, token));
      this.#registrations.push(() => this.#native.deregisterDomainEvent(this.#pointer, id));
    }
  }

  /** Gives everything back. May wait for the peer as long as keepalive lets it. Does nothing the second time. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#exclusive(async () => {
      this.#forgetDomains();
      // Each registration holds a reference: with one left, the connection would stay open. That a lost connection
      // can't be told to stop sending is no failure.
      for (const takeBack of this.#registrations.toReversed()) await takeBack();
      await this.#native.connectClose(this.#pointer);
    });
  }

  async #keepAlive({ intervalSeconds, count }: KeepAlive): Promise<void> {
    try {
      await this.#checked(() => this.#native.connectSetKeepAlive(this.#pointer, intervalSeconds, count));
    } catch (error) {
      // Drivers that live in this process have no peer to ask.
      if (!(error instanceof LibvirtError) || error.code !== virErrorNumber.NO_SUPPORT) throw error;
    }
  }

  async #use<T>(pointer: DomainPointer, use: (domain: DomainHandle) => Promise<T>): Promise<T> {
    try {
      return await use(this.#handleOf(pointer));
    } finally {
      this.#native.domainFree(pointer);
    }
  }

  #handleOf(pointer: DomainPointer): DomainHandle {
    return new DomainHandle(this.#native, pointer, (call) => this.#checked(call));
  }

  #forgetDomains(): void {
    for (const pointer of this.#known.values()) this.#native.domainFree(pointer);
    this.#known.clear();
  }

  async #checked<T>(call: () => Promise<T>): Promise<NonNullable<T>> {
    return this.#exclusive(async () => {
      this.#native.connResetLastError(this.#pointer);
      const result = await call();
      if (result === null || result === undefined || (typeof result === 'number' && result < 0)) {
        throw await this.#lastError();
      }
      this.#answeredAt = this.#clock.monotonic();
      return result;
    });
  }

  async #lastError(): Promise<LibvirtError> {
    const error = this.#native.connGetLastError(this.#pointer);
    const code = error?.code ?? virErrorNumber.INTERNAL_ERROR;
    const lost = codesOfBrokenConnection.has(code) && !this.isAlive();
    return new LibvirtError(error ?? { code, domain: 0, level: 2, message: 'libvirt gave no reason' }, lost);
  }

  async #exclusive<T>(use: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new Error('this connection to libvirt is in use: its last error would belong to nobody');
    this.#busy = true;
    try {
      return await use();
    } finally {
      this.#busy = false;
    }
  }
}

/** libvirt's way to write a version as one number: 11003000 is 11.3.0. */
function dotted(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.');
}
