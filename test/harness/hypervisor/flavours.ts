/** Which image a guest boots: see guest-image/ for the small one, debian-image/ for the others. */
export type GuestFlavour = 'small' | 'debian12' | 'debian13';

interface FlavourTraits {
  /** What it needs to boot and to serve its agent. */
  memoryMiB: number;
  /** Whether it has a root filesystem on a disk, apart from the data disk. */
  rootDisk: boolean;
  kernelArguments: readonly string[];
}

/** The last two memory blocks hold nothing that can't be moved elsewhere, so that one of them can be taken offline. */
const debian: FlavourTraits = {
  memoryMiB: 400,
  rootDisk: true,
  kernelArguments: ['net.ifnames=0', 'systemd.show_status=0', 'movablecore=160M'],
};

export const flavours: Record<GuestFlavour, FlavourTraits> = {
  small: { memoryMiB: 128, rootDisk: false, kernelArguments: [] },
  debian12: debian,
  debian13: debian,
};
