import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Kubectl } from '../kubectl.ts';
import type { Narrator } from './narrator.ts';

const repository = join(import.meta.dirname, '../../..');

/** The jobs in `examples/` that the demo applies, and what it says of each. */
const acts = [
  { file: 'examples/exec-one.yaml', title: 'One command in one guest:' },
  { file: 'examples/exec-fleet.yaml', title: 'A script in every guest with a label, two at a time:' },
] as const;

interface JobStatus {
  status: { guests: { name: string; phase: string; exitCode?: number; stdout?: string; stderr?: string }[] };
}

/** Runs the example jobs and shows, with plain kubectl, how they went. Rejects when a job doesn't complete. */
export async function tellStory(cluster: Kubectl, { say, show }: Narrator, signal: AbortSignal): Promise<void> {
  const { kubectl, get } = cluster;
  async function showKubectl(...args: string[]): Promise<void> {
    signal.throwIfAborted();
    await show(`kubectl ${args.join(' ')}`, () => kubectl(...args.map(absoluteExample)));
  }
  await showKubectl('get', 'guesthosts,guests', '-L', 'app');
  for (const { file, title } of acts) {
    const { name, namespace } = metadataOf(file);
    say(`\n${title}`);
    await showKubectl('apply', '-f', file);
    await showKubectl('-n', namespace, 'wait', '--for=condition=Complete', `gxj/${name}`, '--timeout=120s');
    await showKubectl('-n', namespace, 'get', 'gxj,gtask');
    await showKubectl('-n', namespace, 'events', '--for', `gxj/${name}`);
    const job = await get<JobStatus>('gxj', name, namespace);
    say(`\nWhat its status tells of each guest:`);
    for (const guest of job.status.guests) say(outcome(guest));
  }
}

function outcome({ name, phase, exitCode, stdout = '', stderr = '' }: JobStatus['status']['guests'][number]): string {
  const lines = `${stdout}${stderr}`.trimEnd().split('\n');
  return [`  ${name}: ${phase}, exit code ${exitCode}`, ...lines.map((line) => `    | ${line}`)].join('\n');
}

function metadataOf(file: string): { name: string; namespace: string } {
  const { metadata }: { metadata: { name: string; namespace?: string } } = parse(
    readFileSync(join(repository, file), 'utf8'),
  );
  return { name: metadata.name, namespace: metadata.namespace ?? 'default' };
}

function absoluteExample(argument: string): string {
  return argument.startsWith('examples/') ? join(repository, argument) : argument;
}
