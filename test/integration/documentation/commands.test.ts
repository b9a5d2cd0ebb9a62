import { globSync, readFileSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { apiVersion } from '../../../src/api/resources.ts';
import { sharedCluster, testFolder } from '../../harness/fixtures.ts';
import { rendered } from '../../harness/helm.ts';
import { harnessPaths } from '../../harness/paths.ts';
import { run } from '../../harness/run.ts';
import { repository } from '../../harness/vitest/shared.ts';
import { type Block, blocksOf, commandsOf } from './blocks.ts';

const { kubeconfig, kubectl } = sharedCluster();
const folder = testFolder();
const pages = globSync('{*.md,docs/*.md,charts/**/*.md}', { cwd: repository })
  .toSorted()
  .filter((page) => blocksOf(readFileSync(join(repository, page), 'utf8')).some(({ language }) => language !== ''));

interface Document {
  apiVersion?: string;
  kind?: string;
  metadata?: { name?: string };
  action?: object;
  remoteHosts?: object[];
}

async function blocks(page: string): Promise<Block[]> {
  return blocksOf(await readFile(join(repository, page), 'utf8'));
}

async function documentsOf(page: string): Promise<Document[]> {
  const texts = (await blocks(page)).filter(({ language }) => language === 'yaml').map(({ text }) => text);
  return texts.flatMap((text) => parseAllDocuments(text).map((each) => each.toJS() as Document));
}

/** A folder for a page's commands, in which its manifests are named as the pages name them. */
async function placeFor(page: string): Promise<string> {
  const place = folder(page.replaceAll('/', '-'));
  // Home, too: what a command writes there stays here.
  await mkdir(join(place, '.local/bin'), { recursive: true });
  for (const name of ['crds', 'charts', 'examples']) await symlink(join(repository, name), join(place, name));
  for (const document of await documentsOf(page))
    await writeFile(join(place, `${document.metadata?.name}.yaml`), JSON.stringify(document));
  return place;
}

describe.each(pages)('%s', (page) => {
  it('has commands that are right in every word', async () => {
    const place = await placeFor(page);
    const faults = join(place, 'faults');
    await writeFile(faults, '');
    const env = {
      PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
      HOME: place,
      KUBECONFIG: kubeconfig,
      REPOSITORY: repository,
      KUBECTL: join(harnessPaths().controlPlane, 'kubectl'),
      HELM: join(harnessPaths().helm, 'helm'),
      FAULTS: faults,
    };

    for (const block of await blocks(page)) {
      const commands = commandsOf(block);
      if (!commands) continue;
      const script = `. ${join(import.meta.dirname, 'stand-ins.sh')}\n${commands}\ntrue\n`;
      await run('/bin/bash', ['-c', script], { cwd: place, env, timeoutMs: 100_000 });
    }

    expect(await readFile(faults, 'utf8')).toBe('');
  }, 300_000);

  it('has manifests that are taken as they are', async () => {
    for (const document of await documentsOf(page)) {
      if (document.remoteHosts) await rendered(document);
      else await dryRun(document.action ? taskOf(document.action) : document);
    }
  });
});

function taskOf(action: object): Document {
  const spec = { guestName: 'web-1', action };
  return { apiVersion, kind: 'GuestTask', metadata: { name: 'documented' }, spec } as Document;
}

async function dryRun(document: Document): Promise<void> {
  const path = folder('document.json');
  await writeFile(path, JSON.stringify(document));
  await kubectl('create', '--dry-run=server', '--validate=strict', '-f', path);
}
