import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The folders that `setup.sh` fills. Asking for one that isn't there throws an Error that says what to do. */
export interface HarnessPaths {
  /** Folder of etcd, kube-apiserver, kube-controller-manager and kubectl. */
  readonly controlPlane: string;
  /** Folder of the guests' kernel, initramfs and data disk. */
  readonly guestImage: string;
  /** What libvirt remembers about the machine's QEMU; made when needed. */
  readonly libvirtCache: string;
}

let variables: string | undefined;

/** `env.sh` alone decides where things are. */
export function harnessPaths(): HarnessPaths {
  return {
    get controlPlane() {
      return built(variable('QGA_CONTROL_PLANE'));
    },
    get guestImage() {
      return built(variable('QGA_GUEST_IMAGE'));
    },
    get libvirtCache() {
      return join(variable('QGA_HARNESS_CACHE'), 'libvirt');
    },
  };
}

function variable(name: string): string {
  variables ??= execFileSync('bash', [join(import.meta.dirname, 'env.sh')], { encoding: 'utf8', timeout: 10_000 });
  const line = variables.split('\n').find((each) => each.startsWith(`${name}=`));
  if (!line) throw new Error(`env.sh names no ${name}`);
  return line.slice(name.length + 1);
}

function built(folder: string): string {
  if (!existsSync(folder)) throw new Error(`${folder} is missing: run \`make setup\``);
  return folder;
}
