import koffi, { type LibraryHandle } from 'koffi';
import type { VirError } from './errors.ts';
import { throwLater } from './throw-later.ts';

/** A virConnectPtr. Whoever opened it closes it. */
export type ConnectionPointer = bigint & { readonly pointee: 'virConnect' };
/** A virDomainPtr. Whoever looked it up frees it. */
export type DomainPointer = bigint & { readonly pointee: 'virDomain' };

/** Where libvirt's callbacks arrive, on the main thread; `token` is what was given at the registration. */
export interface CallbackSink {
  /** virDomainEventType and its detail. */
  lifecycle(token: bigint, domainUuid: string, event: number, detail: number): void;
  /** virConnectDomainEventAgentLifecycleState and -Reason. */
  agentLifecycle(token: bigint, domainUuid: string, state: number, reason: number): void;
  /** The guest was reset, by itself or from outside. */
  reboot(token: bigint, domainUuid: string): void;
  /** Some element of its metadata, its title or its description was written. */
  metadataChange(token: bigint, domainUuid: string): void;
  /** virConnectCloseReason */
  closed(token: bigint, reason: number): void;
}

export interface LibraryNames {
  libvirt: string;
  libvirtQemu: string;
}

type Sync<A extends unknown[], R> = (...args: A) => R;
type Async<A extends unknown[], R> = (...args: A) => Promise<R>;

/** libvirt's C functions, named without `vir`. Null and negative numbers are failures, as in C. */
export type NativeLibvirt = ReturnType<typeof bindLibvirt>;

const eventId = { lifecycle: 0, reboot: 1, agentLifecycle: 18, metadataChange: 23 } as const;

let inFlight = 0;

/** How many calls are under way on threads of their own. A process that exits waits for every one of them. */
export function nativeCallsInFlight(): number {
  return inFlight;
}

/** glibc's numbers for mallopt(3). */
const mallocOption = { trimThreshold: -1, arenaMax: -8 } as const;

/**
 * Bounds the heaps that malloc keeps for the process's threads, and how much of their ends it keeps when it is free.
 * Returns a function that gives all else that is free back to the system, on a thread of libuv's pool: that takes some
 * milliseconds. Where libc is another than glibc, it does nothing.
 */
export function boundMalloc(arenas: number, trimThreshold: number): () => Promise<void> {
  const libc = koffi.load(null);
  try {
    const mallopt = libc.func('int mallopt(int parameter, int value)');
    mallopt(mallocOption.arenaMax, arenas);
    mallopt(mallocOption.trimThreshold, trimThreshold);
    const trim = offThread(libc, 'int malloc_trim(size_t pad)') as Async<[number], number>;
    return async () => void (await trim(0));
  } catch {
    // musl has neither these functions nor what they are about.
    return async () => {};
  }
}

/** libc's `_exit`: ends the process now, waiting for no thread and running no handler. */
export function exitProcess(code: number): never {
  koffi.load(null).func('void _exit(int status)')(code);
  throw new Error('_exit returned');
}

/** Loads both libraries; throws the loader's error when one is missing. Once a process: callbacks are never given back. */
export function bindLibvirt({ libvirt, libvirtQemu }: LibraryNames, sink: CallbackSink) {
  const lib = koffi.load(libvirt);
  const qemu = koffi.load(libvirtQemu);
  // A function with any signature will do where libvirt wants one that does nothing, as long as it isn't JavaScript:
  // libvirt's thread would wait for the main thread, and an exiting process for both.
  const doNothing = koffi.load(null).symbol('getpid') as bigint;

  const lastError = lib.func('void *virConnGetLastError(void *conn)');
  const virError = koffi.struct({
    code: 'int',
    domain: 'int',
    message: 'const char *',
    level: 'int',
    conn: 'void *',
    dom: 'void *',
    str1: 'void *',
    str2: 'void *',
    str3: 'void *',
    int1: 'int',
    int2: 'int',
    net: 'void *',
  });
  const uuidOf = lib.func('int virDomainGetUUIDString(void *domain, _Out_ char *buf)');
  function domainUuid(domain: DomainPointer): string {
    const buffer = Buffer.alloc(37);
    uuidOf(domain, buffer);
    return buffer.toString('latin1', 0, 36);
  }

  const listAll = offThread(lib, 'int virConnectListAllDomains(void *conn, _Out_ void **domains, uint flags)') as Async<
    [ConnectionPointer, [bigint | null], number],
    number
  >;
  const getState = offThread(
    lib,
    'int virDomainGetState(void *domain, _Out_ int *state, _Out_ int *reason, uint flags)',
  ) as Async<[DomainPointer, [number], [number], number], number>;

  const getJobStats = offThread(
    lib,
    'int virDomainGetJobStats(void *domain, _Out_ int *type, _Out_ void **params, _Out_ int *count, uint flags)',
  ) as Async<[DomainPointer, [number], [bigint | null], [number], number], number>;
  const parameterInt = lib.func(
    'int virTypedParamsGetInt(void *params, int count, const char *name, _Out_ int *value)',
  );
  const freeParameters = lib.func('void virTypedParamsFree(void *params, int count)');

  const eventParameters = ['void *', 'void *', 'int', 'int', 'void *'];
  const callback = {
    lifecycle: callbackPointer(
      eventParameters,
      (_: bigint, domain: DomainPointer, event: number, detail: number, token: bigint) =>
        sink.lifecycle(token, domainUuid(domain), event, detail),
    ),
    agentLifecycle: callbackPointer(
      eventParameters,
      (_: bigint, domain: DomainPointer, state: number, reason: number, token: bigint) =>
        sink.agentLifecycle(token, domainUuid(domain), state, reason),
    ),
    reboot: callbackPointer(['void *', 'void *', 'void *'], (_: bigint, domain: DomainPointer, token: bigint) =>
      sink.reboot(token, domainUuid(domain)),
    ),
    metadataChange: callbackPointer(
      ['void *', 'void *', 'int', 'void *', 'void *'],
      (_: bigint, domain: DomainPointer, _type: number, _uri: bigint | null, token: bigint) =>
        sink.metadataChange(token, domainUuid(domain)),
    ),
    closed: callbackPointer(['void *', 'int', 'void *'], (_: bigint, reason: number, token: bigint) =>
      sink.closed(token, reason),
    ),
  };
  const registerEvent = offThread(
    lib,
    'int virConnectDomainEventRegisterAny(void *conn, void *domain, int id, void *cb, void *opaque, void *free)',
  ) as Async<[ConnectionPointer, null, number, bigint, bigint, null], number>;
  const registerClose = offThread(
    lib,
    'int virConnectRegisterCloseCallback(void *conn, void *cb, void *opaque, void *free)',
  ) as Async<[ConnectionPointer, bigint, bigint, null], number>;
  const unregisterClose = offThread(lib, 'int virConnectUnregisterCloseCallback(void *conn, void *cb)') as Async<
    [ConnectionPointer, bigint],
    number
  >;
  const addTimeout = lib.func('int virEventAddTimeout(int ms, void *cb, void *opaque, void *free)');
  const setErrorFunc = lib.func('void virSetErrorFunc(void *opaque, void *handler)');

  return {
    // These touch memory only and may run on the main thread.
    connResetLastError: onThread(lib, 'void virConnResetLastError(void *conn)') as Sync<[ConnectionPointer], void>,
    /** A copy of the error that the last call on this connection left. */
    connGetLastError(connection: ConnectionPointer): VirError | undefined {
      const pointer = lastError(connection);
      if (pointer === null) return undefined;
      const { code, domain, level, message } = koffi.decode(pointer, virError);
      return { code, domain, level, message: message ?? '' };
    },
    /** Not while a call is on its way: it takes the connection's lock. */
    connectIsAlive: onThread(lib, 'int virConnectIsAlive(void *conn)') as Sync<[ConnectionPointer], number>,
    domainGetName: onThread(lib, 'const char *virDomainGetName(void *domain)') as Sync<[DomainPointer], string>,
    domainGetUuid: domainUuid,
    domainFree: onThread(lib, 'int virDomainFree(void *domain)') as Sync<[DomainPointer], number>,

    connectOpen: offThread(lib, 'void *virConnectOpen(const char *uri)') as Async<[string], ConnectionPointer | null>,
    /** The number of references that are left: 0 when the connection is gone. */
    connectClose: offThread(lib, 'int virConnectClose(void *conn)') as Async<[ConnectionPointer], number>,
    connectSetKeepAlive: offThread(lib, 'int virConnectSetKeepAlive(void *conn, int interval, uint count)') as Async<
      [ConnectionPointer, number, number],
      number
    >,
    connectGetType: offThread(lib, 'const char *virConnectGetType(void *conn)') as Async<
      [ConnectionPointer],
      string | null
    >,
    connectGetVersion: numberOf(lib, 'int virConnectGetVersion(void *conn, _Out_ unsigned long *version)'),
    connectGetLibVersion: numberOf(lib, 'int virConnectGetLibVersion(void *conn, _Out_ unsigned long *version)'),
    async connectListAllDomains(connection: ConnectionPointer): Promise<DomainPointer[] | null> {
      const array: [bigint | null] = [null];
      const count = await listAll(connection, array, 0);
      if (count < 0 || array[0] === null) return null;
      const domains: DomainPointer[] = count > 0 ? koffi.decode(array[0], 'void *', count) : [];
      koffi.free(array[0]);
      return domains;
    },

    domainLookupByUuid: offThread(lib, 'void *virDomainLookupByUUIDString(void *conn, const char *uuid)') as Async<
      [ConnectionPointer, string],
      DomainPointer | null
    >,
    /** The state and the reason for it. */
    async domainGetState(domain: DomainPointer): Promise<[state: number, reason: number] | null> {
      const state: [number] = [0];
      const reason: [number] = [0];
      return (await getState(domain, state, reason, 0)) < 0 ? null : [state[0], reason[0]];
    },
    /** virDomainJobOperation of the job that is under way; 0 where there is none, -1 where it can't be told. */
    async domainGetJobOperation(domain: DomainPointer): Promise<number> {
      const type: [number] = [0];
      const parameters: [bigint | null] = [null];
      const count: [number] = [0];
      if ((await getJobStats(domain, type, parameters, count, 0)) < 0) return -1;
      const operation: [number] = [0];
      if (type[0] !== 0) parameterInt(parameters[0], count[0], 'operation', operation);
      freeParameters(parameters[0], count[0]);
      return operation[0];
    },
    domainIsPersistent: offThread(lib, 'int virDomainIsPersistent(void *domain)') as Async<[DomainPointer], number>,
    domainHasManagedSaveImage: offThread(lib, 'int virDomainHasManagedSaveImage(void *domain, uint flags)') as Async<
      [DomainPointer, number],
      number
    >,
    domainGetXmlDesc: offThread(lib, 'char *! virDomainGetXMLDesc(void *domain, uint flags)') as Async<
      [DomainPointer, number],
      string | null
    >,
    domainGetMetadata: offThread(
      lib,
      'char *! virDomainGetMetadata(void *domain, int type, const char *uri, uint flags)',
    ) as Async<[DomainPointer, number, string, number], string | null>,

    domainPmWakeup: offThread(lib, 'int virDomainPMWakeup(void *domain, uint flags)') as Async<
      [DomainPointer, number],
      number
    >,
    domainQemuAgentCommand: offThread(
      qemu,
      'char *! virDomainQemuAgentCommand(void *domain, const char *command, int seconds, uint flags)',
    ) as Async<[DomainPointer, string, number, number], string | null>,
    domainAgentSetResponseTimeout: offThread(
      lib,
      'int virDomainAgentSetResponseTimeout(void *domain, int seconds, uint flags)',
    ) as Async<[DomainPointer, number, number], number>,
    domainFsFreeze: offThread(
      lib,
      'int virDomainFSFreeze(void *domain, const char **mountpoints, uint count, uint flags)',
    ) as Async<[DomainPointer, string[] | null, number, number], number>,
    domainFsThaw: offThread(
      lib,
      'int virDomainFSThaw(void *domain, const char **mountpoints, uint count, uint flags)',
    ) as Async<[DomainPointer, string[] | null, number, number], number>,
    domainAttachDevice: offThread(
      lib,
      'int virDomainAttachDeviceFlags(void *domain, const char *xml, uint flags)',
    ) as Async<[DomainPointer, string, number], number>,
    domainDetachDevice: offThread(
      lib,
      'int virDomainDetachDeviceFlags(void *domain, const char *xml, uint flags)',
    ) as Async<[DomainPointer, string, number], number>,
    domainSetUserPassword: offThread(
      lib,
      'int virDomainSetUserPassword(void *domain, const char *user, const char *password, uint flags)',
    ) as Async<[DomainPointer, string, string, number], number>,

    /** Returns the number that takes the registration back. */
    registerDomainEvent(connection: ConnectionPointer, kind: keyof typeof eventId, token: bigint): Promise<number> {
      return registerEvent(connection, null, eventId[kind], callback[kind], token, null);
    },
    deregisterDomainEvent: offThread(lib, 'int virConnectDomainEventDeregisterAny(void *conn, int callback)') as Async<
      [ConnectionPointer, number],
      number
    >,
    registerCloseCallback(connection: ConnectionPointer, token: bigint): Promise<number> {
      return registerClose(connection, callback.closed, token, null);
    },
    unregisterCloseCallback(connection: ConnectionPointer): Promise<number> {
      return unregisterClose(connection, callback.closed);
    },

    eventRegisterDefaultImpl: onThread(lib, 'int virEventRegisterDefaultImpl()') as Sync<[], number>,
    /** One turn: waits for the next file or timer, runs its callbacks, returns. */
    eventRunDefaultImpl: offThread(lib, 'int virEventRunDefaultImpl()') as Async<[], number>,
    /** A timer, disarmed, that does nothing but end the event loop's turn. */
    eventAddWakeUpTimer: (): number => addTimeout(-1, doNothing, null, null),
    /** 0 fires at once and again until it is disarmed with -1. */
    eventUpdateTimeout: onThread(lib, 'void virEventUpdateTimeout(int timer, int ms)') as Sync<[number, number], void>,
    /** Keeps libvirt from printing each error to standard error. */
    silenceErrors: (): void => setErrorFunc(null, doNothing),
  };
}

/** A C function that runs on the calling thread. */
function onThread(library: LibraryHandle, prototype: string): Sync<unknown[], unknown> {
  return library.func(prototype);
}

/** A C function that runs on a thread of libuv's pool. */
function offThread(library: LibraryHandle, prototype: string): Async<unknown[], unknown> {
  const native = library.func(prototype);
  return (...args) =>
    new Promise((resolve, reject) => {
      native.async(...args, (error: Error | null, result: unknown) => {
        inFlight -= 1;
        if (error) reject(error);
        else resolve(result);
      });
      inFlight += 1;
    });
}

/** A C function that writes a number about a connection. */
function numberOf(library: LibraryHandle, prototype: string): Async<[ConnectionPointer], number> {
  const native = offThread(library, prototype) as Async<[ConnectionPointer, [number]], number>;
  return async (connection) => {
    const found: [number] = [0];
    return (await native(connection, found)) < 0 ? -1 : found[0];
  };
}

/** A C function pointer that runs `callback` on the main thread while the calling thread waits; its result is 0. */
function callbackPointer(parameters: string[], callback: (...args: never[]) => void): bigint {
  function run(...args: never[]): number {
    try {
      callback(...args);
    } catch (error) {
      // koffi would drop it.
      throwLater(error);
    }
    return 0;
  }
  return koffi.register(run, koffi.pointer(koffi.proto('int', parameters)));
}
