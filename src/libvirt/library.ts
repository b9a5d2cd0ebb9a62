import { LibvirtMissingError } from './errors.ts';
import { eventRouter } from './event-router.ts';
import { guardExit } from './exit.ts';
import { bindLibvirt, type LibraryNames, type NativeLibvirt } from './ffi.ts';

const systemLibraries: LibraryNames = { libvirt: 'libvirt.so.0', libvirtQemu: 'libvirt-qemu.so.0' };

let loaded: NativeLibvirt | undefined;

/** libvirt's client library, loaded once a process. Throws LibvirtMissingError where it isn't installed. */
export function loadLibvirt(names = systemLibraries): NativeLibvirt {
  loaded ??= prepare(names);
  return loaded;
}

function prepare(names: LibraryNames): NativeLibvirt {
  let native: NativeLibvirt;
  try {
    native = bindLibvirt(names, eventRouter);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LibvirtMissingError(
      `${names.libvirt} and ${names.libvirtQemu} can't be loaded (${reason}): install libvirt's client library, ` +
        'which is libvirt0 on Debian and libvirt-libs on Fedora',
      { cause: error },
    );
  }
  native.silenceErrors();
  // Before the first connection: one that is opened without an event loop has neither keepalive nor events.
  if (native.eventRegisterDefaultImpl() < 0) throw new LibvirtMissingError("libvirt's event loop can't be registered");
  guardExit();
  return native;
}
