// Opens a hypervisor, closes it and returns from main: close <URI> [grace in ms]

import { hardExit } from '../../../../src/libvirt/exit.ts';
import { LibvirtHypervisor } from '../../../../src/libvirt/libvirt-hypervisor.ts';

const [uri = '', graceMs = '2000'] = process.argv.slice(2);
const hypervisor = new LibvirtHypervisor({ uri, openTimeoutMs: 200 });
await hypervisor.start();
process.stdout.write('exiting\n');
const clean = await hypervisor.close(Number(graceMs));
process.stdout.write(`clean: ${clean}\n`);
if (!clean) hardExit(9);
