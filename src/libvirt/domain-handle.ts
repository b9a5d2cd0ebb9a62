import { LibvirtError, virErrorNumber } from './errors.ts';
import type { DomainPointer, NativeLibvirt } from './ffi.ts';

/** A call that may fail: null or a negative number, as C tells it. Throws the LibvirtError that belongs to it. */
export type CheckedCall = <T>(call: () => Promise<T>) => Promise<NonNullable<T>>;

const metadataElement = 2;
const passwordEncrypted = 1;
const affectLive = 1;
/** virDomainJobOperation */
const jobOfMigrationOut = 5;

/**
 * One domain on one connection, for as long as the function runs that it was handed to. Its calls go one after the
 * other, as on the connection. Every method throws LibvirtError.
 */
export class DomainHandle {
  readonly uuid: string;
  readonly name: string;
  readonly #native: NativeLibvirt;
  readonly #pointer: DomainPointer;
  readonly #checked: CheckedCall;

  constructor(native: NativeLibvirt, pointer: DomainPointer, checked: CheckedCall) {
    this.#native = native;
    this.#pointer = pointer;
    this.#checked = checked;
    this.uuid = native.domainGetUuid(pointer);
    this.name = native.domainGetName(pointer);
  }

  /** virDomainState, and the reason for it as the state's own enumeration has it. */
  async state(): Promise<[state: number, reason: number]> {
    return this.#checked(() => this.#native.domainGetState(this.#pointer));
  }

  /** Whether the domain is on its way to another host. */
  async isMigrating(): Promise<boolean> {
    return (await this.#checked(() => this.#native.domainGetJobOperation(this.#pointer))) === jobOfMigrationOut;
  }

  /** Whether it is defined on disk and outlives its own shutdown. */
  async isPersistent(): Promise<boolean> {
    return (await this.#checked(() => this.#native.domainIsPersistent(this.#pointer))) === 1;
  }

  /** Whether libvirt keeps the state of a domain that is off, and starts it from that. */
  async hasManagedSaveImage(): Promise<boolean> {
    return (await this.#checked(() => this.#native.domainHasManagedSaveImage(this.#pointer, 0))) === 1;
  }

  /** The definition, of a running domain with what is true of it now. */
  async xml(): Promise<string> {
    return this.#checked(() => this.#native.domainGetXmlDesc(this.#pointer, 0));
  }

  /**
   * The element of this XML namespace in the domain's metadata; undefined when there is none. libvirt gives it as XML
   * without the namespace and its prefix: `<guest/>` for `<qga:guest xmlns:qga="…"/>`.
   */
  async metadata(namespaceUri: string): Promise<string | undefined> {
    const uri = cString('the namespace', namespaceUri);
    try {
      return await this.#checked(() => this.#native.domainGetMetadata(this.#pointer, metadataElement, uri, 0));
    } catch (error) {
      if (error instanceof LibvirtError && error.code === virErrorNumber.NO_DOMAIN_METADATA) return undefined;
      throw error;
    }
  }

  /** Wakes a guest that suspended itself to its memory. */
  async wakeUp(): Promise<void> {
    await this.#checked(() => this.#native.domainPmWakeup(this.#pointer, 0));
  }

  /**
   * Sends a guest agent command, JSON in and JSON out. `timeoutSeconds`, whole and at least 1, is how long the agent
   * may take; libvirt may spend 30 s more waiting for another client of the agent and 5 s more on finding it in step.
   */
  async agentCommand(command: string, timeoutSeconds: number): Promise<string> {
    const text = cString('the command', command);
    const seconds = wholeSeconds(timeoutSeconds);
    return this.#checked(() => this.#native.domainQemuAgentCommand(this.#pointer, text, seconds, 0));
  }

  /**
   * How long the agent may take over freeze, thaw and setUserPassword, whose own default is for ever. libvirt keeps
   * it with the domain, for every client.
   */
  async setAgentResponseTimeout(seconds: number): Promise<void> {
    const whole = wholeSeconds(seconds);
    await this.#checked(() => this.#native.domainAgentSetResponseTimeout(this.#pointer, whole, 0));
  }

  /** Freezes all filesystems, or those of `mountpoints`; returns how many it froze. Set a response timeout before. */
  async fsFreeze(mountpoints?: readonly string[]): Promise<number> {
    const list = mountpoints?.map((each) => cString('a mountpoint', each));
    return this.#checked(() => this.#native.domainFsFreeze(this.#pointer, list ?? null, list?.length ?? 0, 0));
  }

  /** Thaws all filesystems; returns how many it thawed, 0 when none was frozen. Set a response timeout before. */
  async fsThaw(): Promise<number> {
    return this.#checked(() => this.#native.domainFsThaw(this.#pointer, null, 0, 0));
  }

  /** Plugs a device into the running domain, by its element of the domain's XML; the definition on disk stays. */
  async attachDevice(xml: string): Promise<void> {
    const device = cString('the device', xml);
    await this.#checked(() => this.#native.domainAttachDevice(this.#pointer, device, affectLive));
  }

  /** Asks for a device to be unplugged from the running domain; it may be gone only some time later. */
  async detachDevice(xml: string): Promise<void> {
    const device = cString('the device', xml);
    await this.#checked(() => this.#native.domainDetachDevice(this.#pointer, device, affectLive));
  }

  /** Sets an account's password; `encrypted`: it is a crypt(3) hash. Set a response timeout before. */
  async setUserPassword(user: string, password: string, options: { encrypted: boolean }): Promise<void> {
    const account = cString('the user', user);
    const secret = cString('the password', password);
    const flags = options.encrypted ? passwordEncrypted : 0;
    await this.#checked(() => this.#native.domainSetUserPassword(this.#pointer, account, secret, flags));
  }
}

/** C would silently end the text at its first NUL. */
function cString(what: string, text: string): string {
  if (text.includes('\0')) throw new TypeError(`${what} has a NUL in it`);
  return text;
}

/** Other numbers have meanings of their own to libvirt: -2 waits for ever, -1 is its default, 0 doesn't wait. */
function wholeSeconds(seconds: number): number {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > 2 ** 31 - 1) {
    throw new RangeError(`a timeout is a whole number of seconds, at least 1, not ${seconds}`);
  }
  return seconds;
}
