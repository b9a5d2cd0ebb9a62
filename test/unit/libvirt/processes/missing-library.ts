// Loads a library that isn't there.
import { loadLibvirt } from '../../../../src/libvirt/library.ts';

try {
  loadLibvirt({ libvirt: 'libvirt-of-nowhere.so.0', libvirtQemu: 'libvirt-qemu.so.0' });
} catch (error) {
  process.stdout.write(String(error));
}
