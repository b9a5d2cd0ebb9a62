import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const src = resolve(import.meta.dirname, '../../src');

/** Which rooms each room may know, besides itself. The picture is in docs/architecture.md. */
const arrows: Record<string, string[]> = {
  seams: [],
  'durable-file': [],
  sealing: ['durable-file'],
  qga: [],
  libvirt: [],
  observability: ['version'],
  kube: ['seams', 'observability', 'version'],
  api: ['kube'],
  guest: ['api', 'durable-file', 'libvirt', 'qga', 'sealing', 'seams'],
  agent: ['api', 'guest', 'kube', 'libvirt', 'observability', 'qga', 'sealing', 'seams', 'version'],
  manager: ['api', 'kube', 'observability', 'sealing', 'seams'],
  cli: ['api', 'kube', 'seams', 'version'],
};

interface Import {
  file: string;
  /** As it is written there. */
  target: string;
}

const imports: readonly Import[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && file.includes('/'))
  .flatMap((file) =>
    [...readFileSync(join(src, file), 'utf8').matchAll(/(?:from|import)\(? ?'([^']+)'/g)].map(([, target]) => ({
      file,
      target: target as string,
    })),
  );

/** What a file of ours imports of ours, by its path within src. */
const ours = Map.groupBy(
  imports.filter(({ target }) => target.startsWith('.')),
  ({ file }) => file,
);

function importedBy(file: string): string[] {
  return (ours.get(file) ?? []).map(({ target }) => relative(src, join(src, dirname(file), target)));
}

/** Every file that a file needs, in one step or many. */
function reachedFrom(file: string): Set<string> {
  const reached = new Set<string>();
  const visit = (from: string) => {
    for (const each of importedBy(from)) {
      if (reached.has(each)) continue;
      reached.add(each);
      visit(each);
    }
  };
  visit(file);
  return reached;
}

function room(path: string): string {
  return (path.split('/')[0] as string).replace('.ts', '');
}

it('lets imports point only the way the architecture says', () => {
  const forbidden = [...ours.keys()]
    .flatMap((file) => importedBy(file).map((to) => ({ file, to })))
    .filter(({ file, to }) => room(to) !== room(file) && !arrows[room(file)]?.includes(room(to)));

  expect(forbidden).toEqual([]);
});

it('lets no file need itself by a detour', () => {
  expect([...ours.keys()].filter((file) => reachedFrom(file).has(file))).toEqual([]);
});

it('keeps libvirt out of the manager, which runs where no libvirt is', () => {
  const reached = reachedFrom('manager/manager.ts');

  expect([...reached].filter((file) => room(file) === 'libvirt')).toEqual([]);
  expect(reached.size).toBeGreaterThan(20);
});

it.each([
  // One file per native library.
  ['koffi', ['libvirt/ffi.ts', 'manager/password/libcrypt.ts']],
  ['@kubernetes/client-node', ['kube/endpoint.ts']],
  ['@hpke/core', ['sealing/suite.ts']],
  ['croner', ['manager/cron-schedule.ts']],
])('imports %s in no other file than %j, so that it can be replaced', (name, files) => {
  const importers = new Set(imports.filter(({ target }) => target === name).map(({ file }) => file));

  expect([...importers].toSorted()).toEqual(files);
});
