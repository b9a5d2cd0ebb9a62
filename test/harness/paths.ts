import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GuestFlavour } from './hypervisor/flavours.ts';

/** The folders that `setup.sh` fills. Asking for one that isn't there throws an Error that says what to do. */
export interface HarnessPaths {
  /** Folder of etcd, kube-apiserver, kube-controller-manager and kubectl. */
  readonly controlPlane: string;
  /** Folder of helm. */
  readonly helm: string;
  /** Folder of kubeconform. */
  readonly kubeconform: string;
  /** Folder of the kernel, the initramfs and the disk that guests of a flavour boot from. */
  guestImage(flavour: GuestFlavour): string;
  /** Root of containerd, runc and CNI plugins. */
  readonly containerRuntime: string;
  /** Root of prometheus and promtool. */
  readonly prometheus: string;
  /** Archives of container images; made when needed. */
  readonly images: string;
  /** Where the bench installs Ansible; made when needed. */
  readonly ansible: string;
  /** What libvirt remembers about the machine's QEMU; made when needed. */
  readonly libvirtCache: string;
}

const imageVariables: Record<GuestFlavour, string> = {
  small: 'QGA_GUEST_IMAGE',
  debian12: 'QGA_DEBIAN12_IMAGE',
  debian13: 'QGA_DEBIAN13_IMAGE',
};

let variables: string | undefined;

/** `env.sh` alone decides where things are. */
export function harnessPaths(): HarnessPaths {
  return {
    get controlPlane() {
      return built(variable('QGA_CONTROL_PLANE'));
    },
    get helm() {
      return built(variable('QGA_HELM'));
    },
    get kubeconform() {
      return built(variable('QGA_KUBECONFORM'));
    },
    guestImage(flavour) {
      return built(variable(imageVariables[flavour]));
    },
    get containerRuntime() {
      return built(variable('QGA_CONTAINER_RUNTIME'));
    },
    get prometheus() {
      return built(variable('QGA_PROMETHEUS'));
    },
    get images() {
      return join(variable('QGA_HARNESS_CACHE'), 'images');
    },
    get ansible() {
      return variable('QGA_ANSIBLE');
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
