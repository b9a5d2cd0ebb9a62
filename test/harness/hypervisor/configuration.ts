import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Everything as root without confinement: this libvirtd lives for minutes and in its own namespace. */
const qemuConf = `user = "root"
group = "root"
dynamic_ownership = 0
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
`;

const libvirtdConf = `auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0700"
log_outputs = "3:file:/var/log/libvirt/libvirtd.log"
`;

/** Writes what becomes /etc/libvirt in the namespace. */
export async function writeLibvirtConfiguration(etc: string): Promise<void> {
  await mkdir(etc, { recursive: true });
  await writeFile(join(etc, 'qemu.conf'), qemuConf);
  // Guests move only between hosts that are not one and the same.
  await writeFile(join(etc, 'libvirtd.conf'), `${libvirtdConf}host_uuid = "${randomUUID()}"\n`);
}
