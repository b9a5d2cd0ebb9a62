import type { GuestAgent } from '../../../guest/guest-agent.ts';
import { runScript } from '../../../guest/run-script.ts';
import { shellQuote } from '../../../guest/shell-quote.ts';
import { AgentError } from '../../../qga/errors.ts';
import type { Clock } from '../../../seams/clock.ts';

/** What a guest's shell finds where a file could not be read. */
export type PathProblem = 'FileNotFound' | 'IsDirectory' | 'PermissionDenied';

const problems: Record<string, PathProblem> = {
  missing: 'FileNotFound',
  directory: 'IsDirectory',
  denied: 'PermissionDenied',
};

/**
 * Why a file could not be read, as a shell in the guest sees it: the agent says so in words only, which differ by version
 * (C5). Undefined where the shell finds nothing wrong, or the guest lets nobody run one.
 */
export async function pathProblem(
  agent: GuestAgent,
  path: string,
  call: { clock: Clock; signal: AbortSignal },
): Promise<PathProblem | undefined> {
  const script = `path=${shellQuote(path)}
if [ ! -e "$path" ]; then echo missing
elif [ -d "$path" ]; then echo directory
elif [ ! -r "$path" ]; then echo denied
fi
`;
  try {
    return problems[(await runScript(agent, script, call)).trim()];
  } catch (error) {
    if (error instanceof AgentError) return undefined;
    throw error;
  }
}

/** A problem as a sentence. */
export function pathMessage(problem: PathProblem, guest: string, path: string): string {
  switch (problem) {
    case 'FileNotFound':
      return `guest ${guest} has no file ${path}`;
    case 'IsDirectory':
      return `${path} is a directory of guest ${guest}`;
    case 'PermissionDenied':
      return `the agent of guest ${guest} may not read ${path}`;
  }
}
