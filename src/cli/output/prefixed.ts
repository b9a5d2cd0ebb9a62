/** Bytes with the name of the guest they came from before each line; what doesn't end with a line's end gets one. */
export function prefixed(guest: string, bytes: Buffer): Buffer {
  const prefix = Buffer.from(`[${guest}] `);
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0x0a, from);
    const next = end < 0 ? bytes.length : end + 1;
    parts.push(prefix, bytes.subarray(from, next));
    if (end < 0) parts.push(Buffer.from('\n'));
    from = next;
  }
  return Buffer.concat(parts);
}
