import { isUtf8 } from 'node:buffer';

export interface OutputText {
  text: string;
  /** The exact bytes, where the whole of them is here and is not UTF-8. */
  base64?: string;
  truncated: boolean;
}

export interface ShownOutput {
  /** All of it, or `headBytes` of its head and then its tail. */
  shown: Buffer;
  headBytes: number;
  /** How much is known to have come. */
  totalBytes: number;
  /** More came than that. */
  more: boolean;
}

/** Output as a status shows it: where a part is missing, a line between head and tail says how much. */
export function outputText({ shown, headBytes, totalBytes, more }: ShownOutput): OutputText {
  if (!more && totalBytes <= shown.length) {
    return isUtf8(shown)
      ? { text: shown.toString('utf8'), truncated: false }
      : { text: shown.toString('utf8'), base64: shown.toString('base64'), truncated: false };
  }
  const head = withoutPartialEnd(shown.subarray(0, headBytes));
  const tail = withoutPartialStart(shown.subarray(headBytes));
  const missing = Math.max(0, totalBytes - head.length - (more ? 0 : tail.length));
  return {
    text: `${head.toString('utf8')}\n[… ${more ? 'more than ' : ''}${missing} bytes left out …]\n${tail.toString('utf8')}`,
    truncated: true,
  };
}

const isContinuation = (byte: number | undefined) => byte !== undefined && (byte & 0xc0) === 0x80;

/** A cut through a UTF-8 character leaves at most three of its bytes: those are counted as missing. */
function withoutPartialStart(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start++;
  return bytes.subarray(start);
}

function withoutPartialEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= 4 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number;
    if (isContinuation(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}
