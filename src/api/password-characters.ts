/**
 * The characters of each class of a generated password. Left out for good: what ends a field or a line in /etc/shadow
 * and for chpasswd (colon, control characters), blanks, and what shells and configuration files read as something else
 * (quotes, backslash, backtick, dollar).
 */
export const passwordCharacters = {
  lower: 'abcdefghijklmnopqrstuvwxyz',
  upper: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
  digits: '0123456789',
  symbols: '!#%&()*+,-./;<=>?@[]^_{|}~',
} as const;

export type CharacterClass = keyof typeof passwordCharacters;

export const characterClasses = Object.keys(passwordCharacters) as CharacterClass[];

/** In characters. */
export const longestPassword = 128;
