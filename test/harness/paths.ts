import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

export interface HarnessPaths {
  /** Folder of etcd, kube-apiserver, kube-controller-manager and kubectl. */
  controlPlane: string;
  /** Folder of the guests' kernel, initramfs and data disk. */
  guestImage: string;
  /** What libvirt remembers about the machine's QEMU. */
  libvirtCache: string;
}

let known: HarnessPaths | undefined;

/** The folders that `setup.sh` fills, as `env.sh` names them: one place decides where things are. */
export function harnessPaths(): HarnessPaths {
  known ??= askEnvironment();
  return known;
}

function askEnvironment(): HarnessPaths {
  const lines = execFileSync('bash', [join(import.meta.dirname, 'env.sh')], { encoding: 'utf8', timeout: 10_000 });
  function variable(name: string): string {
    const line = lines.split('\n').find((each) => each.startsWith(`${name}=`));
    if (!line) throw new Error(`env.sh names no ${name}`);
    return line.slice(name.length + 1);
  }
  return {
    controlPlane: variable('QGA_CONTROL_PLANE'),
    guestImage: variable('QGA_GUEST_IMAGE'),
    libvirtCache: join(variable('QGA_HARNESS_CACHE'), 'libvirt'),
  };
}
