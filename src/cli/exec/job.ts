import type { GuestExecJob } from '../../api/resources.ts';
import type { Exec } from '../../api/schema/exec.ts';
import type { Target } from '../target.ts';
import { UsageError } from '../usage-error.ts';
import { scriptOf } from './script.ts';

/** What a person asks for on the command line of `exec`. */
export interface ExecRequest {
  target: Target;
  /** What follows `--`: a command, or the arguments of the script. */
  command: readonly string[];
  /** The script's text. */
  script?: string | undefined;
  stdin?: Buffer | undefined;
  user?: string | undefined;
  workdir?: string | undefined;
  /** Each as NAME=VALUE. */
  env: readonly string[];
  /** Each as NAME=SECRET/KEY. */
  envSecret: readonly string[];
  store?: 'Status' | 'ConfigMap' | 'Secret' | undefined;
  parallelism?: number | string | undefined;
  maxFailures?: number | string | undefined;
  /** How long all of it may take. */
  timeoutSeconds: number;
  dryRun: boolean;
  /** How long the job stays when it is over, if nobody deletes it before. */
  keptSeconds: number;
}

/** A guest that can't be reached is waited for that long, and no longer than the command may take. */
const longestWaitSeconds = 60;
/** As the API has it. */
const longestStdin = 262_144;
const mostStoredBytes = 16_777_216;

/** The spec of the job that does it. Throws a UsageError where the request can't be meant. */
export function jobSpecOf(request: ExecRequest): GuestExecJob['spec'] {
  const { target, parallelism, maxFailures, timeoutSeconds, dryRun, keptSeconds } = request;
  return {
    target,
    exec: execOf(request),
    ...(parallelism !== undefined && { parallelism }),
    ...(maxFailures !== undefined && { maxFailures }),
    ...(dryRun && { dryRun }),
    startingDeadlineSeconds: Math.min(timeoutSeconds, longestWaitSeconds),
    activeDeadlineSeconds: timeoutSeconds,
    ttlSecondsAfterFinished: keptSeconds,
  };
}

function execOf(request: ExecRequest): Exec {
  const { command, script, stdin, user, workdir, store } = request;
  if (script === undefined && command.length === 0) {
    throw new UsageError('what is to be run goes after --, as in: kubectl qga exec web-1 -- uptime');
  }
  const env = [...request.env.map(variable), ...request.envSecret.map(secretVariable)];
  return {
    ...(script === undefined ? { command: [...command] } : { script: scriptOf(script, command) }),
    ...(env.length > 0 && { env }),
    ...(stdin && { stdin: stdinText(stdin) }),
    ...(workdir !== undefined && { workingDirectory: workdir }),
    ...(user !== undefined && { user }),
    ...(store !== undefined && { output: { store, ...(store !== 'Status' && { limitBytes: mostStoredBytes }) } }),
  };
}

function stdinText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (text.length > longestStdin) {
    throw new UsageError('an input of over 256 KiB does not fit: copy it there first, by kubectl qga cp');
  }
  if (!Buffer.from(text).equals(bytes)) {
    throw new UsageError('the input is no UTF-8 text: copy it there first, by kubectl qga cp');
  }
  return text;
}

type EnvVar = NonNullable<Exec['env']>[number];

function variable(text: string): EnvVar {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new UsageError(`--env takes NAME=VALUE, not ${text}`);
  return { name, value };
}

function secretVariable(text: string): EnvVar {
  const [, name, secret, key] = /^([^=]+)=([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (name === undefined || secret === undefined || key === undefined) {
    throw new UsageError(`--env-secret takes NAME=SECRET/KEY, not ${text}`);
  }
  return { name, valueFrom: { secretKeyRef: { name: secret, key } } };
}
