import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster } from '../../harness/fixtures.ts';
import { run } from '../../harness/run.ts';
import { repository } from '../../harness/vitest/shared.ts';

const { kubectl, apply, applyFile } = sharedCluster();
const examples = join(repository, 'examples');
const files = globSync('**/*.*', { cwd: examples }).toSorted();
const manifests = files.filter((file) => file.endsWith('.yaml'));
const scripts = files.filter((file) => file.endsWith('.sh'));
const standIns = join(import.meta.dirname, 'stand-ins.yaml');
const namespaces = ['argocd', 'flux-system', 'velero'];

beforeAll(async () => {
  await applyFile(standIns);
  await apply(...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })));
});
afterAll(async () => {
  await kubectl('delete', '--wait=false', '-f', standIns);
  await kubectl('delete', 'namespace', '--wait=false', ...namespaces);
});

interface Hook {
  metadata: { generateName?: string; annotations?: Record<string, string> };
  spec?: { ttlSecondsAfterFinished?: number };
}

/** What the API server would keep of a file; it refuses fields that it does not know. */
async function dryRun(file: string, ...args: string[]): Promise<string> {
  // A kind is served a moment after it is established.
  return await eventually(
    async () => {
      try {
        return await kubectl('create', '--dry-run=server', '--validate=strict', '-f', join(examples, file), ...args);
      } catch (error) {
        if (/no matches for kind/.test(String(error))) return undefined;
        throw error;
      }
    },
    { what: `the kinds of ${file}`, timeoutMs: 20_000 },
  );
}

it('are manifests and scripts, nothing else', () => {
  expect(files).toEqual([...manifests, ...scripts].toSorted());
  expect(manifests.length).toBeGreaterThan(20);
});

it.each(manifests)('%s is taken by the API server', async (file) => {
  expect(await dryRun(file)).toContain('created');
});

it.each(manifests.filter((file) => file.includes('argocd')))(
  '%s leaves nothing behind that nobody deletes',
  async (file) => {
    const hooks = parseAllDocuments(await readFile(join(examples, file), 'utf8')).map((each) => each.toJS() as Hook);

    // Argo CD names such a hook anew at each sync: it finds none to delete before.
    const nameless = hooks.filter(({ metadata }) => metadata.generateName !== undefined);
    expect(nameless.filter(({ spec }) => spec?.ttlSecondsAfterFinished === undefined)).toEqual([]);
    expect(nameless.filter(({ metadata }) => metadata.annotations?.['argocd.argoproj.io/hook-delete-policy'])).toEqual(
      [],
    );
  },
);

it.each(scripts)('%s is a script for any POSIX shell', async (file) => {
  await run('/bin/sh', ['-n', join(examples, file)]);
});

it('hands on the Secret of the name that the rotation beside it gives', async () => {
  const list = JSON.parse(
    `[${(await dryRun('password-rotation-push-secret.yaml', '-o', 'json')).replaceAll('}\n{', '},{')}]`,
  );
  const [rotation, push] = list.flatMap((each: { items?: object[] }) => each.items ?? [each]);

  const name = rotation.spec.secretTemplate.namePattern
    .replace('{guest}', rotation.spec.target.guestName)
    .replace('{username}', rotation.spec.username);
  expect(push.spec.selector.secret.name).toBe(name);
});
