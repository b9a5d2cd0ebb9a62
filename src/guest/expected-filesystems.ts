/** What a guest's agent lists as mounted. */
export interface ListedFilesystem {
  name: string;
  mountpoint: string;
  type: string;
}

/**
 * What Linux can freeze, of what lies on a device of its own, read-only or not. What is not here is frozen where it can
 * be, but not missed where it isn't: Windows freezes all volumes or refuses (C27), FreeBSD's agent lists nothing.
 */
const kindsThatFreeze = new Set(['btrfs', 'ext2', 'ext3', 'ext4', 'f2fs', 'jfs', 'nilfs2', 'reiserfs', 'xfs']);

/**
 * How many filesystems a freeze must count: those at the mountpoints that were asked for, of whatever kind, or all that
 * are known to freeze. One that is mounted in two places is frozen once (C26). Undefined where nobody can tell. Pure.
 */
export function expectedFilesystems(
  listed: readonly ListedFilesystem[],
  mountpoints: readonly string[] | undefined,
): number | undefined {
  const counted = listed.filter(({ mountpoint, type }) =>
    mountpoints ? mountpoints.includes(mountpoint) : kindsThatFreeze.has(type),
  );
  return new Set(counted.map(({ name }) => name)).size || undefined;
}
