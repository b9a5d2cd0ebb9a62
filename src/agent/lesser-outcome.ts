import type { TaskOutcome } from './task-decision.ts';

/** Of the API server's words, and of an outcome's own. */
const longestWords = 512;

/** An outcome without the texts and values that came from the guest, for an API server that refused it. */
export function withoutTexts(outcome: TaskOutcome, refusal: unknown): TaskOutcome {
  const { exec, freeze, command, readFile, message, ...rest } = outcome;
  return {
    ...rest,
    message: messageWith(message, refusal),
    ...(exec && { exec: { ...without(exec, 'stdout', 'stderr', 'stdoutBase64', 'stderrBase64'), truncated: true } }),
    ...(freeze && { freeze: { ...freeze, ...(freeze.hooks && { hooks: freeze.hooks.map(withoutOutput) }) } }),
    ...(command && { command: { ...without(command, 'reply', 'replyText'), truncated: true } }),
    ...(readFile && { readFile: without(readFile, 'content', 'contentBase64') }),
  };
}

/** Only how it ended, where even that is refused. */
export function withoutResults(outcome: TaskOutcome, refusal: unknown): TaskOutcome {
  const { phase, reason, message, startTime, completionTime } = outcome;
  return {
    phase,
    reason,
    message: messageWith(message, refusal),
    ...(startTime && { startTime }),
    ...(completionTime && { completionTime }),
  };
}

function messageWith(message: string | undefined, refusal: unknown): string {
  const words = (refusal instanceof Error ? refusal.message : String(refusal)).slice(0, longestWords);
  const told = `the API server did not take what came from the guest: ${words}`;
  return message ? `${message.slice(0, longestWords)}; ${told}` : told;
}

const withoutOutput = <T extends { output?: string | undefined }>(hook: T) => without(hook, 'output');

function without<T extends object, Key extends keyof T>(value: T, ...keys: Key[]): Omit<T, Key> {
  const rest = { ...value };
  for (const key of keys) delete rest[key];
  return rest;
}
