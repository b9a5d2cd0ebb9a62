import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';

// Makes dist/release from what is checked out: what an image is built from, the chart, the kubectl plugin, and their sums.
// The same files make the same archives, whenever that is: SOURCE_DATE_EPOCH, in seconds, is the time in all of them.
const epoch = process.env['SOURCE_DATE_EPOCH'];
if (!epoch || !/^\d+$/.test(epoch)) throw new Error('SOURCE_DATE_EPOCH is not set: `make release` sets it');
process.chdir(import.meta.dirname);
const { version }: { version: string } = JSON.parse(readFileSync('package.json', 'utf8'));
const release = 'dist/release';
const stage = 'dist/stage';
const krewTemplate = 'plugin/qga.yaml';

execFileSync(process.execPath, ['build.ts'], { stdio: 'inherit' });
mkdirSync(release, { recursive: true });
const context = archive('image-context', '.', ['Dockerfile', '.dockerignore', ...imageSources()]);
const plugin = archive('kubectl-qga', stagedPlugin(), ['.']);
const chart = chartPackage();
const made = [context, plugin, chart];
if (existsSync(krewTemplate)) made.push(krewManifest(sha256(plugin)));
const sums = made.toSorted().map((file) => `${sha256(file)}  ${file}\n`);
writeFileSync(join(release, 'SHA256SUMS'), sums.join(''));
rmSync(stage, { recursive: true });
process.stdout.write(`${release}:\n${sums.join('')}`);

/** What .dockerignore lets into an image's build. */
function imageSources(): string[] {
  return [...readFileSync('.dockerignore', 'utf8').matchAll(/^!(.+)$/gm)].map(([, path = '']) => path);
}

/** The plugin's program, the modules that it imports, what says that they are modules, and what kubectl completes it by. */
function stagedPlugin(): string {
  const folder = join(stage, 'kubectl-qga');
  const modules = importedBy('dist', 'kubectl-qga.js');
  for (const file of modules) cpSync(join('dist', file), join(folder, file));
  for (const file of ['LICENSE', 'package.json', 'plugin/kubectl_complete-qga'])
    cpSync(file, join(folder, basename(file)));
  for (const program of ['kubectl-qga.js', 'kubectl_complete-qga']) chmodSync(join(folder, program), 0o755);
  return folder;
}

function importedBy(folder: string, file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target = ''] of readFileSync(join(folder, file), 'utf8').matchAll(/["'](\.\.?\/[\w./-]+\.js)["']/g)) {
    const imported = join(file, '..', target);
    if (existsSync(join(folder, imported))) importedBy(folder, imported, seen);
  }
  return seen;
}

/** Packs `files` of a folder, and names the archive. */
function archive(name: string, folder: string, files: string[]): string {
  const file = `${name}-${version}.tar.gz`;
  const sameForAll = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner'];
  const tar = ['--format=gnu', ...sameForAll, '--mode=u=rwX,go=rX', '-C', folder, '-c', ...files];
  const packed = execFileSync('tar', tar, { maxBuffer: 2 ** 30 });
  // -n: without the time.
  writeFileSync(join(release, file), execFileSync('gzip', ['-9n'], { input: packed, maxBuffer: 2 ** 30 }));
  return file;
}

function chartPackage(): string {
  const staged = join(stage, 'qga-operator');
  cpSync('charts/qga-operator', staged, { recursive: true });
  const named: { version: string; appVersion: string } = parse(readFileSync(join(staged, 'Chart.yaml'), 'utf8'));
  if (named.version !== version || named.appVersion !== version)
    throw new Error(
      `Chart.yaml has version ${named.version} and appVersion ${named.appVersion}, package.json ${version}`,
    );
  // Helm keeps the files' times and modes.
  execFileSync('find', [staged, '-exec', 'touch', '-d', `@${epoch}`, '{}', '+']);
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', staged]);
  execFileSync('helm', ['package', staged, '--destination', release], { stdio: ['ignore', 'ignore', 'inherit'] });
  return `qga-operator-${version}.tgz`;
}

/** The plugin's manifest for krew with what takes the places of VERSION and SHA256; names the file. */
function krewManifest(sum: string): string {
  const manifest = readFileSync(krewTemplate, 'utf8');
  for (const place of ['VERSION', 'SHA256'])
    if (!manifest.includes(place)) throw new Error(`${krewTemplate} has no place for ${place}`);
  writeFileSync(join(release, 'qga.yaml'), manifest.replaceAll('VERSION', version).replaceAll('SHA256', sum));
  return 'qga.yaml';
}

function sha256(file: string): string {
  return createHash('sha256')
    .update(readFileSync(join(release, file)))
    .digest('hex');
}
