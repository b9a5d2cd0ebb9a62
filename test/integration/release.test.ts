import { cp, readFile, symlink, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { version } from '../../src/version.ts';
import { testFolder } from '../harness/fixtures.ts';
import { helm } from '../harness/helm.ts';
import { harnessPaths } from '../harness/paths.ts';
import { run } from '../harness/run.ts';
import { repository } from '../harness/vitest/shared.ts';

const folder = testFolder();
const epoch = '1700000000';

/** Copies what Git knows of the repository, makes a release of it, and names where that is. */
async function release(name: string, umask: string, env: Record<string, string>): Promise<string> {
  const copy = folder(name);
  const tracked = await run('git', ['ls-files', '-z'], { cwd: repository });
  for (const file of tracked.split('\0').filter(Boolean)) {
    await cp(join(repository, file), join(copy, file));
    const anyTime = Math.random() * 1e9;
    await utimes(join(copy, file), anyTime, anyTime);
  }
  await symlink(join(repository, 'node_modules'), join(copy, 'node_modules'));
  const path = `${dirname(process.execPath)}:${harnessPaths().helm}:${process.env['PATH']}`;
  await run('/bin/sh', ['-ec', `umask ${umask}; node release.ts`], { cwd: copy, env: { PATH: path, ...env } });
  return join(copy, 'dist/release');
}

beforeAll(async () => {
  await release('first', '022', { SOURCE_DATE_EPOCH: epoch, TZ: 'UTC' });
  await release('second', '077', { SOURCE_DATE_EPOCH: epoch, TZ: 'Asia/Tokyo' });
});

const first = (...path: string[]) => folder('first/dist/release', ...path);

it('makes the same files each time', async () => {
  const sums = await readFile(first('SHA256SUMS'), 'utf8');

  expect(sums.trim().split('\n')).toHaveLength(4);
  expect(await readFile(folder('second/dist/release/SHA256SUMS'), 'utf8')).toBe(sums);
});

it('tells the sums of what is there', async () => {
  await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: first() });
});

it('packs a plugin that runs without anything but Node', async () => {
  const place = folder('plugin');
  await run('/bin/sh', ['-ec', `mkdir ${place}; tar -xzf ${first(`kubectl-qga-${version}.tar.gz`)} -C ${place}`]);

  const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
  expect(await run(join(place, 'kubectl-qga.js'), ['--version'], { env: { PATH: path } })).toBe(`${version}\n`);
  expect(await readFile(join(place, 'LICENSE'), 'utf8')).toContain('Apache License');
});

it('tells krew where the plugin is, and what it is', async () => {
  const archive = `kubectl-qga-${version}.tar.gz`;
  const { spec } = parse(await readFile(first('qga.yaml'), 'utf8'));
  const [platform] = spec.platforms;

  expect(spec.version).toBe(`v${version}`);
  expect(platform.uri).toMatch(new RegExp(`/v${version}/${archive}$`));
  expect(await readFile(first('SHA256SUMS'), 'utf8')).toContain(`${platform.sha256}  ${archive}\n`);
  const packed = await run('tar', ['-tvzf', first(archive)]);
  expect(packed).toMatch(new RegExp(`^-rwx.* \\./${platform.bin}$`, 'm'));
  expect(packed).toMatch(/^-rwx.* \.\/kubectl_complete-qga$/m);
});

it('packs a chart that Helm takes', async () => {
  const manifests = await helm(['template', 'qga-operator', first(`qga-operator-${version}.tgz`)]);

  expect(manifests).toContain(`image: qga-operator:${version}`);
});

it('packs all that the Dockerfile copies', async () => {
  const archive = first(`image-context-${version}.tar.gz`);
  const list = (await run('tar', ['-tzf', archive])).split('\n');
  const copied = [...(await readFile(join(repository, 'Dockerfile'), 'utf8')).matchAll(/^COPY (?!--from)(.+) \S+$/gm)];

  for (const source of copied.flatMap(([, sources = '']) => sources.split(' ')))
    expect(list.some((path) => path === source || path.startsWith(`${source}/`))).toBe(true);
  expect(list).toContain('Dockerfile');
});
