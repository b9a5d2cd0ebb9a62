import { shellQuote } from '../../../guest/shell-quote.ts';

/** What a guest's shell says of the place that a file is to have. */
export type Prepared =
  /** An empty file that only root can read stands at `temporary`, beside `target`: where links from the path lead to. */
  | { kind: 'ready'; target: string; temporary: string; canSum: boolean }
  | { kind: 'refused'; problem: 'IsDirectory' | 'ParentNotFound' | 'PermissionDenied' | 'NotCreated'; words: string };

const preparing: Record<string, Extract<Prepared, { kind: 'refused' }>['problem']> = {
  directory: 'IsDirectory',
  noparent: 'ParentNotFound',
  denied: 'PermissionDenied',
  failed: 'NotCreated',
};

/** What the temporary files of a task are called; each try has one of its own, so that no late script of another meets it. */
export function temporaryName(task: string, attempt: string): string {
  return `.qga-${task}-${attempt}`;
}

/** Dash's echo makes other characters of what follows a backslash. */
const say = `say() { printf '%s\\n' "$1"; }`;

/** Follows links to where the file is, or will be. */
function locate(path: string): string {
  return `target=${shellQuote(path)}
if [ -L "$target" ]; then target=$(readlink -f -- "$target"); fi
folder=\${target%/*}`;
}

/**
 * Makes the temporary file called `name` beside its place. It is made here and not by the agent, whose new files
 * everybody can read and write.
 */
export function prepareScript(path: string, name: string): string {
  return `${say}
${locate(path)}
temporary=$folder/${name}
if [ -d "$target" ] || [ -z "\${target##*/}" ]; then echo directory; exit; fi
if [ ! -d "$folder/" ]; then echo noparent; exit; fi
umask 077
set -C
if words=$({ true >"$temporary"; } 2>&1); then
  if command -v sha256sum >/dev/null; then echo sum; else echo nosum; fi
  say "$target"
elif [ ! -w "$folder/" ]; then echo denied
else echo failed; say "$words"; fi
`;
}

/** Undefined for what that script can't have printed. */
export function parsePrepared(printed: string, name: string): Prepared | undefined {
  const [, word = '', rest = ''] = /^(\w+)\n([^]*)$/.exec(printed) ?? [];
  const words = rest.replace(/\n$/, '');
  if (word === 'sum' || word === 'nosum') {
    const temporary = `${words.slice(0, words.lastIndexOf('/'))}/${name}`;
    return { kind: 'ready', target: words, temporary, canSum: word === 'sum' };
  }
  const problem = preparing[word];
  return problem && { kind: 'refused', problem, words: words.slice(0, 512) };
}

export interface Placing {
  temporary: string;
  target: string;
  /** In hexadecimal digits. */
  sha256: string;
  /** Whether the guest can compute it. */
  canSum: boolean;
  mode: string | undefined;
  owner: string | undefined;
}

/** What a guest's shell says of putting a file in place. */
export type Placed =
  | { kind: 'placed'; created: boolean; mode: string; owner: string }
  /** It was put in place before; its content is still what it was then. */
  | { kind: 'placedBefore'; mode: string; owner: string }
  /** The temporary file is gone, and what stands in its place is something else. */
  | { kind: 'lost' }
  | {
      kind: 'refused';
      problem: 'Corrupted' | 'OwnerRefused' | 'ModeRefused' | 'IsDirectory' | 'NotPlaced';
      words: string;
    };

const refusals: Record<string, Extract<Placed, { kind: 'refused' }>['problem']> = {
  corrupted: 'Corrupted',
  owner: 'OwnerRefused',
  mode: 'ModeRefused',
  directory: 'IsDirectory',
  failed: 'NotPlaced',
};

/**
 * Puts a written file in its place. It may be run any number of times and does it once: the rename takes the temporary
 * file away, whose name nobody else uses, so that a later run never undoes what came after.
 */
export function placeScript({ temporary, target, sha256, canSum, mode, owner }: Placing): string {
  return `${say}
temporary=${shellQuote(temporary)} target=${shellQuote(target)} wanted=${sha256}
sum() { got=$(sha256sum <"$1") && [ "\${got%% *}" = $wanted ]; }
tell() { echo "$1 $(stat -c '%a %u:%g' -- "$target")"; exit; }
gone() { if [ -f "$target" ] && ${canSum ? 'sum "$target"' : 'false'}; then tell before; else echo lost; exit; fi; }
[ -e "$temporary" ] || gone
${canSum ? 'sum "$temporary" || { echo corrupted; exit; }' : ''}
if [ -d "$target" ]; then echo directory; exit; fi
said=placed mode=${shellQuote(mode ?? '')} owner=${shellQuote(owner ?? '')}
if [ -e "$target" ]; then
  [ "$mode" ] || mode=$(stat -c %a -- "$target")
  [ "$owner" ] || owner=$(stat -c %u:%g -- "$target")
else
  said=created
fi
if [ "$owner" ]; then words=$(chown -- "$owner" "$temporary" 2>&1) || { echo owner; say "$words"; exit; }; fi
words=$(chmod -- "\${mode:-644}" "$temporary" 2>&1) || { echo mode; say "$words"; exit; }
sync -- "$temporary" 2>/dev/null || sync
words=$(mv -f -- "$temporary" "$target" 2>&1) || { [ -e "$temporary" ] || gone; echo failed; say "$words"; exit; }
rm -f -- "\${temporary%-*}-"*
tell $said
`;
}

/** Undefined for what that script can't have printed. */
export function parsePlaced(printed: string): Placed | undefined {
  const [, word = '', rest = ''] = /^(\w+)[ \n]([^]*)$/.exec(printed) ?? [];
  const problem = refusals[word];
  if (problem) return { kind: 'refused', problem, words: rest.trim().slice(0, 512) };
  if (word === 'lost') return { kind: 'lost' };
  const [, mode, owner] = /^(\d{1,4}) (\d+:\d+)\n$/.exec(rest) ?? [];
  if (mode === undefined || owner === undefined) return undefined;
  if (word === 'before') return { kind: 'placedBefore', mode, owner };
  return word === 'placed' || word === 'created'
    ? { kind: 'placed', created: word === 'created', mode, owner }
    : undefined;
}

/** Removes every temporary file of a task, and tells whether there is room for what was to be written. */
export function discardScript(path: string, task: string, bytes: number): string {
  const kibibytes = Math.ceil(bytes / 1024);
  return `${locate(path)}
rm -f -- "$folder/${temporaryName(task, '')}"*
df -Pk -- "$folder/" | {
  read -r _
  read -r _ _ _ free _
  if [ "\${free:-0}" -lt ${kibibytes} ]; then echo full; else echo room; fi
}
`;
}
