import { expect, it } from 'vitest';
import { type Command, decode, encode } from '../../../src/qga/command.ts';
import {
  allCommands,
  guestExec,
  guestFileRead,
  guestGetCpustats,
  guestGetDisks,
  guestGetFsinfo,
  guestSetMemoryBlocks,
  guestSyncDelimited,
} from '../../../src/qga/commands.ts';
import { MalformedReplyError } from '../../../src/qga/errors.ts';
import { samples } from './samples.ts';

/** The commands of the protocol reference of QEMU 2.11. */
const of2_11 = [
  'guest-exec',
  'guest-exec-status',
  'guest-file-close',
  'guest-file-flush',
  'guest-file-open',
  'guest-file-read',
  'guest-file-seek',
  'guest-file-write',
  'guest-fsfreeze-freeze',
  'guest-fsfreeze-freeze-list',
  'guest-fsfreeze-status',
  'guest-fsfreeze-thaw',
  'guest-fstrim',
  'guest-get-fsinfo',
  'guest-get-host-name',
  'guest-get-memory-block-info',
  'guest-get-memory-blocks',
  'guest-get-osinfo',
  'guest-get-time',
  'guest-get-timezone',
  'guest-get-users',
  'guest-get-vcpus',
  'guest-info',
  'guest-network-get-interfaces',
  'guest-ping',
  'guest-set-memory-blocks',
  'guest-set-time',
  'guest-set-user-password',
  'guest-set-vcpus',
  'guest-shutdown',
  'guest-suspend-disk',
  'guest-suspend-hybrid',
  'guest-suspend-ram',
  'guest-sync',
  'guest-sync-delimited',
];

const since2_11 = [
  'guest-get-cpustats',
  'guest-get-devices',
  'guest-get-disks',
  'guest-get-diskstats',
  'guest-get-load',
  'guest-network-get-route',
  'guest-ssh-add-authorized-keys',
  'guest-ssh-get-authorized-keys',
  'guest-ssh-remove-authorized-keys',
];

function namesWhere(matches: (command: Command) => boolean): string[] {
  return [...allCommands.values()].filter(matches).map(({ name }) => name);
}

it('knows every command of the reference, and the newer ones, in order', () => {
  expect(of2_11).toHaveLength(35);
  expect([...allCommands.keys()]).toEqual([...of2_11, ...since2_11].toSorted());
});

it('tells what is newer than the reference by its version', () => {
  const newer = namesWhere(({ since }) => Number(since.split('.')[0]) > 2);

  expect(newer).toEqual(since2_11);
});

it.each(Object.entries(samples))('encodes arguments of %s and decodes an answer', (name, sample) => {
  const command = allCommands.get(name) as Command;

  const request = encode(command, sample.arguments);
  const reply = decode(command, `{"return": ${sample.return}}`);

  expect(JSON.parse(request).execute).toBe(command.sentAs);
  expect(reply).toBeDefined();
});

it('has a sample for every command', () => {
  expect(Object.keys(samples)).toEqual([...allCommands.keys()]);
});

it('knows what a frozen guest’s agent still accepts', () => {
  expect(namesWhere(({ whileFrozen }) => whileFrozen)).toEqual([
    'guest-fsfreeze-status',
    'guest-fsfreeze-thaw',
    'guest-info',
    'guest-ping',
    'guest-sync',
    'guest-sync-delimited',
  ]);
});

it('knows what does not answer on success', () => {
  expect(namesWhere(({ answers }) => !answers)).toEqual([
    'guest-shutdown',
    'guest-suspend-disk',
    'guest-suspend-hybrid',
    'guest-suspend-ram',
  ]);
});

it('knows what may cost data or service', () => {
  expect(namesWhere(({ destructive }) => destructive)).toEqual([
    'guest-exec',
    'guest-file-open',
    'guest-file-write',
    'guest-fsfreeze-freeze',
    'guest-fsfreeze-freeze-list',
    'guest-fsfreeze-thaw',
    'guest-set-memory-blocks',
    'guest-set-time',
    'guest-set-user-password',
    'guest-set-vcpus',
    'guest-shutdown',
    'guest-ssh-add-authorized-keys',
    'guest-ssh-remove-authorized-keys',
    'guest-suspend-disk',
    'guest-suspend-hybrid',
    'guest-suspend-ram',
  ]);
});

it('repeats only what reads, and of the effects what lets go and what flushes', () => {
  expect(namesWhere(({ effect, repeatable }) => repeatable && effect === 'changes')).toEqual([
    'guest-file-flush',
    'guest-fsfreeze-thaw',
  ]);
  expect(namesWhere(({ effect, repeatable }) => !repeatable && effect === 'none')).toEqual([]);
  expect(namesWhere(({ effect, destructive }) => destructive && effect === 'none')).toEqual([]);
});

it('never sends guest-sync-delimited, which would break the channel', () => {
  const request = encode(guestSyncDelimited, { id: 9007199254740993n });

  expect(request).toBe('{"execute":"guest-sync","arguments":{"id":9007199254740993}}');
});

it('keeps values of enumerations that it does not know', () => {
  const [block] = decode(guestSetMemoryBlocks, '{"return": [{"phys-index": 1, "response": "melted"}]}');

  expect(block).toEqual({ 'phys-index': 1n, response: 'melted' });
});

it('keeps the type of what it does not know, and refuses a malformed one of what it knows', () => {
  const stats = decode(guestGetCpustats, '{"return": [{"type": "plan9", "cpu": "none"}]}');

  expect(stats).toEqual([{ type: 'plan9' }]);
  expect(() => decode(guestGetCpustats, '{"return": [{"type": "linux"}]}')).toThrow(MalformedReplyError);
});

it('refuses a read whose count belies its bytes', () => {
  expect(() => decode(guestFileRead, '{"return": {"count": 6, "buf-b64": "aGVsbG8=", "eof": true}}')).toThrow(
    MalformedReplyError,
  );
});

it('reads what guests of other kinds say of their disks', () => {
  const disk = { 'bus-type': 'nvme', bus: 0, target: 0, unit: 0, serial: 'S4', 'ccw-address': undefined };
  const none = { domain: -1, bus: -1, slot: -1, function: -1 };
  const address = { ...disk, 'pci-controller': none };

  const [filesystem] = decode(
    guestGetFsinfo,
    JSON.stringify({ return: [{ name: 'C:', mountpoint: 'C:\\', type: 'NTFS', disk: [address] }] }),
  );
  const [device] = decode(
    guestGetDisks,
    JSON.stringify({ return: [{ name: '\\\\.\\PhysicalDrive0', partition: false, address }] }),
  );

  expect(filesystem?.disk[0]).toMatchObject({ 'bus-type': 'nvme', 'pci-controller': none });
  expect(device?.address?.serial).toBe('S4');
});

it.each([true, false, 'none', 'stdout', 'stderr', 'separated', 'merged'] as const)(
  'takes %j for capture-output',
  (mode) => {
    const request = encode(guestExec, { path: '/bin/true', 'capture-output': mode });

    expect(JSON.parse(request).arguments['capture-output']).toBe(mode);
  },
);
