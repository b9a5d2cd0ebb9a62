import type { Exec } from '../../api/schema/exec.ts';

/** A script file as an exec takes it: run by what its first line names (`#!`), as a kernel would; else by /bin/sh. */
export function scriptOf(source: string, args: readonly string[]): NonNullable<Exec['script']> {
  const [, program, argument] = /^#![ \t]*(\S+)(?:[ \t]+(.*?))?[ \t]*(?:\r?\n|$)/.exec(source) ?? [];
  return {
    source,
    ...(program !== undefined && { interpreter: argument ? [program, argument] : [program] }),
    ...(args.length > 0 && { args: [...args] }),
  };
}
