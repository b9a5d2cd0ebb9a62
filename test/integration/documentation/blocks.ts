/** A fenced block of a Markdown page. */
export interface Block {
  language: string;
  text: string;
  /** Of its first line, from 1 on. */
  line: number;
}

export function blocksOf(markdown: string): Block[] {
  return [...markdown.matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ({ 1: language = '', 2: text = '', index }) => ({
      language,
      text,
      line: markdown.slice(0, index).split('\n').length + 1,
    }),
  );
}

/** What a person types of a block of shell commands or of a session; undefined where it is neither. */
export function commandsOf({ language, text }: Block): string | undefined {
  if (language === 'sh') return text;
  if (language !== 'console') return undefined;
  return text
    .split('\n')
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2))
    .join('\n');
}
