import type { GuestTask } from '../../api/resources.ts';

export interface Happened {
  /** RFC 3339. */
  at: string;
  what: string;
}

/** What happened to a task, in the order in which it happened. */
export function historyOf({ metadata, spec, status = {} }: GuestTask): Happened[] {
  const { claim, startTime, completionTime, freeze = {}, exec, command, writeFile, readFile } = status;
  const sent = command ? `${command.sent} was sent` : 'it was sent to the guest';
  const all: [string | undefined, string][] = [
    [metadata.creationTimestamp, 'it was made'],
    [claim?.time, `the agent of ${claim?.node} claimed it: nobody else acts on it from here on`],
    [startTime, spec.action.freeze ? 'the agent began to prepare the guest' : sent],
    [freeze.preparedAt, 'the guest was prepared: its hooks are done, its agent answers'],
    [freeze.requestedAt, 'the freeze was sent'],
    [freeze.frozenAt, `the guest said that it is frozen${counted(freeze.filesystems?.frozen)}`],
    [freeze.thawRequestedAt, `the thaw was sent, because of ${freeze.endedBy ?? 'something'}`],
    [freeze.thawedAt, `the guest said that it is thawed${counted(freeze.filesystems?.thawed)}`],
    [completionTime, `it ended${endWords(exec, writeFile?.bytes ?? readFile?.bytes)}`],
  ];
  const known = all.filter((each): each is [string, string] => each[0] !== undefined);
  return known.map(([at, what]) => ({ at, what })).toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function counted(filesystems: number | undefined): string {
  return filesystems === undefined ? '' : `, ${filesystems} filesystems`;
}

function endWords(exec: NonNullable<GuestTask['status']>['exec'], bytes: number | undefined): string {
  if (exec?.signal !== undefined) return `, by signal ${exec.signal}`;
  if (exec?.exitCode !== undefined) return ` with exit code ${exec.exitCode}, having printed ${printed(exec)}`;
  return bytes === undefined ? '' : `, ${bytes} bytes`;
}

function printed({ stdoutBytes = 0, stderrBytes = 0 }: NonNullable<NonNullable<GuestTask['status']>['exec']>): string {
  return `${stdoutBytes} bytes and ${stderrBytes} on stderr`;
}
