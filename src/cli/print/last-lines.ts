import { stripVTControlCharacters } from 'node:util';

/** The last lines of a text as a terminal would have left them, without what moves a cursor or changes colours. */
export function lastLines(text: string, count: number): string[] {
  if (text === '') return [];
  const lines = stripVTControlCharacters(text).trimEnd().split('\n').slice(-count);
  return lines.map((line) => {
    const left = line.trimEnd().split('\r').at(-1) ?? '';
    return left.replaceAll('\t', '  ').replaceAll(/\p{Cc}|\p{Cf}/gu, '');
  });
}
