import * as z from 'zod';
import { openEnum, text } from '../schema.ts';

type DiskBus =
  | 'ide'
  | 'fdc'
  | 'scsi'
  | 'virtio'
  | 'xen'
  | 'usb'
  | 'uml'
  | 'sata'
  | 'sd'
  | 'unknown'
  | 'ieee1394'
  | 'ssa'
  | 'fibre'
  | 'raid'
  | 'iscsi'
  | 'sas'
  | 'mmc'
  | 'virtual'
  | 'file-backed-virtual'
  | 'nvme';

const pciAddress = z.object({ domain: z.int(), bus: z.int(), slot: z.int(), function: z.int() });
const ccwAddress = z.object({ cssid: z.int(), ssid: z.int(), subchno: z.int(), devno: z.int() });

/** Where a disk sits in the machine. A PCI address of -1 in each member is none. */
export const diskAddress = z.object({
  'pci-controller': pciAddress,
  'bus-type': openEnum<DiskBus>(),
  bus: z.int(),
  target: z.int(),
  unit: z.int(),
  serial: text.optional(),
  dev: text.optional(),
  'ccw-address': ccwAddress.optional(),
});
