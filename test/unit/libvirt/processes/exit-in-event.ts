// Exits, or fails, while libvirt's thread waits for the main thread to take an event: exit-in-event exit|throw
import { LibvirtHypervisor } from '../../../../src/libvirt/libvirt-hypervisor.ts';
import { defineDomain, testUri } from '../test-driver.ts';

const hypervisor = new LibvirtHypervisor({ uri: testUri });
await hypervisor.start();
hypervisor.subscribe(() => {
  process.stdout.write('exiting\n');
  if (process.argv[2] === 'exit') process.exit(7);
  throw new Error('a listener failed');
});
defineDomain();
