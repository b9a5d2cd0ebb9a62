/** A POSIX shell word that stands for exactly this text: within single quotes a shell interprets nothing. */
export function shellQuote(text: string): string {
  if (text.includes('\0')) throw new RangeError('a shell word cannot hold a NUL character');
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
