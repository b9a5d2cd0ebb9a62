import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { narrator } from '../harness/demo/narrator.ts';
import { run } from '../harness/run.ts';
import { repository, runFolder } from '../harness/vitest/shared.ts';
import { accountsPart } from './accounts-part.ts';
import { execPart } from './exec-part.ts';
import { filesPart } from './files-part.ts';
import { fleetPart } from './fleet-part.ts';
import { freezesPart } from './freezes-part.ts';
import { inventoryPart } from './inventory-part.ts';
import type { Bench, Part } from './part.ts';
import { tableHead, tableRow } from './report.ts';
import { rotationsPart } from './rotations-part.ts';
import { raiseStage, type Stage } from './stage.ts';

/** In this order: the accounts restart the API server with an audit log, which costs it some of its speed. */
const parts: readonly Part[] = [
  execPart,
  rotationsPart,
  filesPart,
  freezesPart,
  inventoryPart,
  accountsPart,
  fleetPart,
];

const { say, step, show } = narrator((text) => void process.stderr.write(text));

interface Order {
  parts: readonly Part[];
  profileDir: string | undefined;
}

/** [PART…] [--profile DIR]: only some of the parts; the programs leave CPU profiles in the folder. */
function readOrder(): Order {
  const { values, positionals } = parseArgs({ options: { profile: { type: 'string' } }, allowPositionals: true });
  const unknown = positionals.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    throw new Error(`no part ${unknown.join(' or ')}: there are ${parts.map(({ name }) => name).join(', ')}`);
  }
  return {
    parts: positionals.length === 0 ? parts : parts.filter(({ name }) => positionals.includes(name)),
    profileDir: values.profile === undefined ? undefined : resolve(values.profile),
  };
}

async function main(order: Order, signal: AbortSignal): Promise<void> {
  const { profileDir } = order;
  await step('building the programs', () => run('npm', ['run', '--silent', 'build'], { cwd: repository }));
  process.env['QGA_HARNESS_DIST'] = '1';
  if (profileDir) await mkdir(profileDir, { recursive: true });
  const folder = await runFolder('bench');
  let raising: Promise<Stage> | undefined;
  const bench: Bench = {
    dir: folder.path,
    tell: { say, step, show },
    signal,
    stage: () => (raising ??= raiseStage({ dir: folder.path, tell: { say, step, show }, profileDir, signal })),
  };
  try {
    await measureAll(order.parts, bench);
  } finally {
    const stage = await raising?.catch(() => undefined);
    if (stage) await step('ending everything', () => stage.stop());
    await folder.remove();
  }
}

/** The table goes to standard output, row by row, and the story to standard error. What fails costs its own rows only. */
async function measureAll(chosen: readonly Part[], bench: Bench): Promise<void> {
  console.log(tableHead);
  for (const part of chosen) {
    const started = performance.now();
    try {
      for (const row of await part.measure(bench)) console.log(tableRow(row));
      say(`${part.name} took ${Math.round((performance.now() - started) / 1000)} s.`);
    } catch (error) {
      bench.signal.throwIfAborted();
      say(`${part.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
      process.exitCode = 1;
    }
  }
}

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => interruption.abort(new Error(`stopped by ${name}`)));
}
await main(readOrder(), interruption.signal);
