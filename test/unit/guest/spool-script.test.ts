import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseSpoolReport } from '../../../src/guest/spool-report.ts';
import { type SpoolRequest, shownBytes, spoolScript } from '../../../src/guest/spool-script.ts';

// The shells guests have: Debian's dash, everybody's bash, and busybox where it is installed.
const shells: [string, ...string[]][] = [['dash'], ['bash'], ['busybox', 'sh']];
const installed = shells.filter(([name]) => spawnSync(name, ['-c', ':']).error === undefined);
const root = mkdtempSync(join(tmpdir(), 'qga-spool-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function scriptFor(request: Partial<SpoolRequest> & { command: string[] }): { id: string; script: string } {
  const { id = randomUUID(), command, start = 'always', exec, drop = [] } = request;
  const script = spoolScript({ id, exec: { ...exec, command }, start, drop });
  return { id, script: script.replaceAll('/run/qga', root) };
}

describe.each(installed)('under %s', (shell, ...more) => {
  function run(request: Partial<SpoolRequest> & { command: string[] }) {
    const { id, script } = scriptFor(request);
    const { stdout, stderr } = spawnSync(shell, [...more, '-s', id], { input: script });
    return { id, report: parseSpoolReport(stdout, stderr, id) };
  }

  it('reports the exit code and what was printed', () => {
    const { report } = run({ command: ['sh', '-c', 'echo out; echo err >&2; exit 3'] });

    expect(report).toMatchObject({ state: 'done', how: 'exit', code: 3, stdoutBytes: 4, stderrBytes: 4 });
    expect(report?.state === 'done' && [report.stdout.toString(), report.stderr.toString()]).toEqual([
      'out\n',
      'err\n',
    ]);
  });

  it('passes arguments, environment and input through untouched', () => {
    const nasty = `a'b "c" $d \`e\` \\n\n*`;
    const { report } = run({
      command: ['sh', '-c', 'printf "%s|%s|" "$1" "$V"; cat', 'sh', nasty],
      exec: { command: [], env: [{ name: 'V', value: nasty }], stdin: `héllo ${'x'.repeat(200)} without a newline` },
    });

    expect(report?.state === 'done' && report.stdout.toString()).toBe(
      `${nasty}|${nasty}|héllo ${'x'.repeat(200)} without a newline`,
    );
  });

  it('tells a signal from an exit code that looks like one', () => {
    expect(run({ command: ['sh', '-c', 'exit 137'] }).report).toMatchObject({ how: 'exit', code: 137 });
    for (const [signal, code] of [
      ['KILL', 137],
      ['TERM', 143],
      ['SEGV', 139],
      ['INT', 130],
      ['PIPE', 141],
    ] as const) {
      expect(run({ command: ['sh', '-c', `kill -${signal} $$; sleep 5`] }).report).toMatchObject({
        how: 'signal',
        code,
      });
    }
  });

  it('tells a missing program from a program that exits with 127', () => {
    expect(run({ command: ['no-such-program'] }).report).toMatchObject({ how: 'none', code: 127 });
    expect(run({ command: ['/no/such/program'] }).report).toMatchObject({ how: 'none', code: 127 });
    expect(run({ command: ['sh', '-c', 'exit 127'] }).report).toMatchObject({ how: 'exit', code: 127 });
  });

  it('shows head and tail of a long output and says how long it was', () => {
    const { report } = run({ command: ['sh', '-c', 'seq 200000'] });

    expect(report?.state === 'done' && [report.stdoutBytes, report.stdout.length]).toEqual([1288895, 2 * shownBytes]);
    expect(report?.state === 'done' && report.stdout.toString().startsWith('1\n2\n')).toBe(true);
    expect(report?.state === 'done' && report.stdout.toString().endsWith('\n200000\n')).toBe(true);
  });

  it('never starts a command twice, however often and however concurrently it is asked to', async () => {
    const id = randomUUID();
    const log = join(root, `${id}.log`);
    const { script } = scriptFor({ id, command: ['sh', '-c', `echo started >>${log}; sleep 0.3; exit 5`] });
    const launch = () =>
      new Promise<string>((resolve) => {
        const child = spawn(shell, [...more, '-s', id]);
        let text = '';
        child.stdout.on('data', (chunk) => (text += chunk));
        child.on('close', () => resolve(text));
        child.stdin.end(script);
      });

    const during = await Promise.all(Array.from({ length: 12 }, launch));
    const after = await launch();

    expect(readFileSync(log, 'utf8')).toBe('started\n');
    expect(during.filter((text) => text.startsWith(`qga1 ${id} done`)).length).toBeGreaterThanOrEqual(1);
    expect(during.every((text) => /^qga1 \S+ (done|running) /.test(text))).toBe(true);
    expect(after).toMatch(/^qga1 \S+ done \S+ 5 exit 0 0\n$/);
  });

  it('starts nothing when it may only look, or when the guest was rebooted since', () => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

    expect(run({ command: ['true'], start: 'never' }).report).toEqual({ state: 'absent', bootId });
    expect(run({ command: ['true'], start: { ifBootIdIs: randomUUID() } }).report).toEqual({ state: 'absent', bootId });
    expect(run({ command: ['true'], start: { ifBootIdIs: bootId } }).report).toMatchObject({ state: 'done', code: 0 });
  });

  it('says that a run is lost when its launcher was killed', async () => {
    const { id, script } = scriptFor({ command: ['sleep', '0.2'] });
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(script);
    while (!existsSync(join(root, `${id}.out`))) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));

    expect(run({ id, command: ['true'], start: 'never' }).report).toMatchObject({ state: 'lost' });
  });

  it('does not wait for what a command leaves behind in the background', () => {
    const before = performance.now();

    const { report } = run({ command: ['sh', '-c', 'sleep 3 & echo started'] });

    expect(report).toMatchObject({ state: 'done', code: 0, stdoutBytes: 8 });
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('leaves the command its own umask', () => {
    const { report } = run({ command: ['sh', '-c', 'umask'] });

    expect(report?.state === 'done' && Number.parseInt(report.stdout.toString(), 8)).toBe(process.umask());
  });

  it('is not confused by variables and programs that are named like its own', () => {
    const env = ['setsid', 'code', 'how', 'in', 'boot', 'mine', 'id'].map((name) => ({ name, value: '/bin/false' }));

    expect(run({ command: ['sh', '-c', 'exit 4'], exec: { command: [], env } }).report).toMatchObject({
      how: 'exit',
      code: 4,
    });
    expect(run({ command: ['tell'] }).report).toMatchObject({ how: 'none' });
    expect(run({ command: ['-x'] }).report).toMatchObject({ how: 'none' });
  });

  it('starts nothing when it has no room for the command’s input', () => {
    const log = join(root, `${randomUUID()}.log`);
    const command = ['sh', '-c', `echo started >>${log}`];
    const { id, script } = scriptFor({ command, exec: { command, stdin: 'x'.repeat(100_000) } });
    // A file size limit stands for a full disk: the same write fails.
    const limited = `trap '' XFSZ; ulimit -f 16\n${script}`;

    const { stdout, stderr } = spawnSync(shell, [...more, '-s', id], { input: limited });

    expect(parseSpoolReport(stdout, stderr, id)).toEqual({ state: 'nospool' });
    expect(existsSync(log)).toBe(false);
    expect(run({ id, command, start: 'never' }).report).toEqual({ state: 'nospool' });
  });

  it('removes the files of earlier runs when told to', async () => {
    const { id } = run({ command: ['true'] });

    run({ command: ['sleep', '0.2'], drop: [id] });

    expect(existsSync(join(root, `${id}.claim`))).toBe(false);
  });
});
