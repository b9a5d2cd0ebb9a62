import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const examples = join(import.meta.dirname, '../../../examples');
let folder: string;
let script: ChildProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qga-example-'));
});
afterEach(async () => {
  script?.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

const file = (name: string) => join(folder, name);
const calls = async () => await readFile(file('calls'), 'utf8').catch(() => '');
const exists = async (name: string) =>
  await access(file(name)).then(
    () => true,
    () => false,
  );

/** A STAND-IN for a program: it notes how it was called, and does no more than `does`. */
async function standIn(name: string, does = ''): Promise<void> {
  await writeFile(file(name), `#!/bin/sh\necho "${name} $*" >> ${file('calls')}\n${does}\n`);
  await chmod(file(name), 0o755);
}

/** Resolves once `begun` is seen among the calls, the script told to end by the signal, and itself is over. */
async function cancelled(path: string, args: string[], signal: NodeJS.Signals, begun: string) {
  const env = { PATH: `${folder}:${process.env['PATH']}`, SELECTOR: 'app=web' };
  script = spawn('/bin/sh', [join(examples, path), ...args], { env, stdio: 'ignore' });
  const end = once(script, 'exit');
  await expect.poll(calls, { timeout: 10_000 }).toContain(begun);
  script.kill(signal);
  const [code] = (await end) as [number | null];
  return code;
}

const released = '{"spec":{"release":true}}';
/** Is there while it runs: what is ended by SIGTERM removes its mark. */
const endless = () => `touch ${file('running')}; trap 'rm ${file('running')}; exit' TERM; while :; do sleep 0.05; done`;

describe.each<[NodeJS.Signals, number]>([
  ['SIGTERM', 143],
  ['SIGINT', 130],
  ['SIGHUP', 129],
])('a backup of a CI job that is cancelled by %s', (signal, code) => {
  it('ends the command, and lets go at once', async () => {
    await standIn('kubectl', 'cat > /dev/null');
    await standIn('backup', endless());

    expect(await cancelled('freeze-ci/backup.sh', ['backup'], signal, 'backup')).toBe(code);
    expect(await calls()).toContain(released);
    await expect.poll(async () => await exists('running')).toBe(false);
  });

  it('lets go at once while the guests are still being prepared', async () => {
    await standIn('kubectl', `[ "$3" = wait ] || exit 0; ${endless()}`);

    expect(await cancelled('freeze-ci/backup.sh', ['backup'], signal, ' wait ')).toBe(code);
    expect(await calls()).toContain(released);
    expect(await calls()).not.toContain('backup ');
    await expect.poll(async () => await exists('running')).toBe(false);
  });
});

describe('a host snapshot that is cancelled', () => {
  const args = () => ['web-1', 'vda', '/images/web-1.qcow2', file('copy.qcow2')];
  /** The disk is what was last put on it. */
  const virsh = () => `case $1 in
    domblklist) printf ' Target   Source\\n-----\\n vda      %s\\n\\n' "$(cat ${file('disk')})" ;;
    snapshot-create-as) echo "\${*##*file=}" > ${file('disk')} ;;
  esac`;

  beforeEach(async () => {
    await writeFile(file('disk'), '/images/web-1.qcow2');
    await standIn('virsh', virsh());
  });

  it('lets go at once while the guest is still being prepared, and touches no disk', async () => {
    await standIn('kubectl', `[ "$3" = wait ] || exit 0; ${endless()}`);

    expect(await cancelled('freeze-virsh/snapshot.sh', args(), 'SIGTERM', ' wait ')).toBe(143);
    expect(await calls()).toContain(released);
    expect(await calls()).not.toMatch(/snapshot-create-as|blockcommit/);
    await expect.poll(async () => await exists('running')).toBe(false);
  });

  it('leaves neither an overlay nor half a copy', async () => {
    await standIn('kubectl');
    await standIn('qemu-img', `touch ${file('copy.qcow2.part')}\n${endless()}`);

    expect(await cancelled('freeze-virsh/snapshot.sh', args(), 'SIGTERM', 'qemu-img convert')).toBe(143);
    expect((await calls()).trim().split('\n').at(-1)).toContain('virsh blockcommit');
    expect(await exists('copy.qcow2.part')).toBe(false);
    await expect.poll(async () => await exists('running')).toBe(false);
  });
});
