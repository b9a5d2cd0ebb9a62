import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { shellsOwnVariables } from '../../../src/api/shell-variables.ts';
import { type Launch, launchOf } from '../../../src/guest/exec-launch.ts';
import { shownBytes } from '../../../src/guest/spool-output-script.ts';
import { parseSpoolReport } from '../../../src/guest/spool-report.ts';
import { killScript, lookScript, type SpoolStart, startScript } from '../../../src/guest/spool-script.ts';
import { shells } from '../../harness/shells.ts';

const root = mkdtempSync(join(tmpdir(), 'qga-spool-'));
chmodSync(root, 0o711);
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
writeFileSync(join(root, 'bytes'), everyByte);
afterAll(() => rmSync(root, { recursive: true, force: true }));

const bashKnows = ['FUNCNAME', 'GROUPS', 'DIRSTACK', 'HISTCMD', 'SRANDOM', 'BASH_ALIASES', 'BASH_CMDS', 'SECONDS'];

type Start = Omit<Partial<SpoolStart>, 'launch'> & Partial<Launch> & { command: string[] };

function launchFor(more: Partial<Launch>): Launch {
  return { ...launchOf({}, undefined), ...more };
}

function inRoot(script: string): string {
  return script.replaceAll('/run/qga', root);
}

describe.each(shells)('under %s', (shell, ...more) => {
  function send(id: string, script: string) {
    const { stdout, stderr } = spawnSync(shell, [...more, '-s', id], { input: inRoot(script) });
    return parseSpoolReport(stdout, stderr, id);
  }
  function run({ id = randomUUID(), ifBootIdIs, drop, ...launch }: Start) {
    return { id, report: send(id, startScript({ id, launch: launchFor(launch), ifBootIdIs, drop })) };
  }
  const look = (id: string) => send(id, lookScript(id));

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
      env: [{ name: 'V', value: nasty }],
      stdin: Buffer.from(`héllo ${'x'.repeat(200)} without a newline`),
    });

    expect(report?.state === 'done' && report.stdout.toString()).toBe(
      `${nasty}|${nasty}|héllo ${'x'.repeat(200)} without a newline`,
    );
  });

  it.each(['\0', '\0\0a', '\n', ' \t', '\\n', 'é\xff', '-n'])('brings what a command prints as it is: %j', (text) => {
    const bytes = Buffer.from(text);

    const { id, report } = run({ command: ['sh', '-c', 'cat; cat >&2 "$0"', join(root, 'bytes')], stdin: bytes });

    expect(report).toMatchObject({ stdout: bytes, stdoutBytes: bytes.length, stderr: everyByte, stderrBytes: 256 });
    expect(look(id)).toEqual(report);
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
    const { report } = run({ command: ['sh', '-c', 'seq 200000'], limitBytes: 2_000_000 });

    expect(report?.state === 'done' && [report.stdoutBytes, report.stdout.length]).toEqual([1288895, 2 * shownBytes]);
    expect(report?.state === 'done' && report.stdout.toString().startsWith('1\n2\n')).toBe(true);
    expect(report?.state === 'done' && report.stdout.toString().endsWith('\n200000\n')).toBe(true);
  });

  it('never starts a command twice, however often and however concurrently it is asked to', async () => {
    const id = randomUUID();
    const log = join(root, `${id}.log`);
    const command = ['sh', '-c', `echo started >>${log}; sleep 0.3; exit 5`];
    const script = inRoot(startScript({ id, launch: launchFor({ command }) }));
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
    expect(during.filter((text) => text.startsWith(`qga1 ${id} done`))).toHaveLength(1);
    expect(during.filter((text) => text === `qga1 ${id} taken\n`)).toHaveLength(11);
    expect(after).toBe(`qga1 ${id} taken\n`);
    expect(look(id)).toMatchObject({ state: 'done', code: 5, how: 'exit', stdoutBytes: 0, stderrBytes: 0 });
  });

  it('tells as often as asked how a run ended and what it printed', () => {
    const { id, report } = run({ command: ['sh', '-c', 'echo out; echo err >&2; kill -TERM $$'] });

    expect(report).toMatchObject({ state: 'done', how: 'signal', code: 143, stdoutBytes: 4, stderrBytes: 4 });
    expect(look(id)).toEqual(report);
    expect(look(id)).toEqual(report);
  });

  it('starts nothing when it only looks, or when the guest was rebooted since', () => {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

    expect(look(randomUUID())).toEqual({ state: 'absent', bootId });
    expect(run({ command: ['true'], ifBootIdIs: randomUUID() }).report).toEqual({ state: 'absent', bootId });
    expect(run({ command: ['true'], ifBootIdIs: bootId }).report).toMatchObject({ state: 'done', code: 0 });
  });

  it('keeps a command that kills its own process group away from what waits for it, and from the agent', () => {
    expect(run({ command: ['sh', '-c', 'echo out; kill -KILL 0; sleep 5'] }).report).toMatchObject({
      state: 'done',
      how: 'signal',
      code: 137,
      stdoutBytes: 4,
    });
  });

  it('says that a run is lost when its launcher was killed', async () => {
    const id = randomUUID();
    const script = inRoot(startScript({ id, launch: launchFor({ command: ['sleep', '1'] }) }));
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(script);
    while (!existsSync(join(root, `${id}.out`))) await new Promise((resolve) => setTimeout(resolve, 5));
    while (look(id)?.state !== 'running') await new Promise((resolve) => setTimeout(resolve, 5));

    // Again and again: what is just being forked is not seen by the first.
    const afterAKill = () => {
      killAllOf(id);
      return look(id)?.state;
    };
    await expect.poll(afterAKill, { timeout: 10_000 }).toBe('lost');
  });

  it('takes no process for the launcher of a run only because it has its number', () => {
    const id = randomUUID();
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    writeFileSync(join(root, `${id}.claim`), `${process.pid} ${bootId}\n`);
    expect(look(id)).toMatchObject({ state: 'lost' });

    writeFileSync(join(root, `${id}.pid`), `${spawnSync('true').pid}\n`);
    expect(look(id)).toMatchObject({ state: 'lost' });
  });

  it('goes on without what waited for it first, and its result is found', async () => {
    const id = randomUUID();
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(inRoot(startScript({ id, launch: launchFor({ command: ['sh', '-c', 'sleep 2; exit 6'] }) })));
    while (!existsSync(join(root, `${id}.pid`))) await new Promise((resolve) => setTimeout(resolve, 5));

    child.kill('SIGKILL');

    let report = look(id);
    for (; report?.state === 'running'; report = look(id)) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(report).toMatchObject({ state: 'done', code: 6 });
  });

  it('tells how much has come while a command runs, and its end so far', async () => {
    const id = randomUUID();
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(
      inRoot(startScript({ id, launch: launchFor({ command: ['sh', '-c', 'seq 2000; exec sleep 20'] }) })),
    );
    let report = look(id);
    while (report?.state !== 'running' || report.stdoutBytes < 8893) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      report = look(id);
    }

    expect(report.stdout.toString()).toMatch(/\n1999\n2000\n$/);
    expect(send(id, killScript(id, 5))).toEqual({ state: 'taken' });
    await new Promise((resolve) => child.on('close', resolve));
    expect(look(id)).toMatchObject({ state: 'done', how: 'signal', code: 143, killed: true });
  });

  it('does not call killed what had ended by itself, and leaves alone what that put into the background', () => {
    const mark = join(root, `${randomUUID()}.pid`);
    const { id, report } = run({ command: ['sh', '-c', `sleep 30 >&- 2>&- & echo $! >${mark}; kill -TERM $$`] });

    expect(send(id, killScript(id, 1))).toEqual({ state: 'taken' });

    expect(report).toMatchObject({ state: 'done', how: 'signal', code: 143, killed: false });
    expect(look(id)).toEqual(report);
    expect(isAlive(readFileSync(mark, 'utf8').trim())).toBe(true);
    killAllOf(id);
  });

  it('tells that a command was killed though it heeds that by an exit of its own', async () => {
    const id = randomUUID();
    const mark = join(root, `${id}.mark`);
    const heeding = `trap 'exit 0' TERM; : >${mark}; while :; do sleep 0.05; done`;
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(inRoot(startScript({ id, launch: launchFor({ command: ['sh', '-c', heeding] }) })));
    await expect.poll(() => existsSync(mark), { timeout: 10_000 }).toBe(true);

    expect(send(id, killScript(id, 5))).toEqual({ state: 'taken' });
    await new Promise((resolve) => child.on('close', resolve));
    const killed = { state: 'done', how: 'exit', code: 0, killed: true };
    expect(look(id)).toMatchObject(killed);

    // A later life of the agent kills it again, and looks.
    expect(send(id, killScript(id, 5))).toEqual({ state: 'taken' });
    expect(look(id)).toMatchObject(killed);
  });

  it('ends all that a command started, wherever it went, and what ignores SIGTERM after a grace', async () => {
    const id = randomUUID();
    const marks = join(root, `${id}.pids`);
    const stubborn = `trap '' TERM; (exec setsid sh -c 'trap "" TERM; echo $$ >>${marks}; sleep 30') & echo $$ >>${marks}; sleep 30 & wait; sleep 30`;
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(inRoot(startScript({ id, launch: launchFor({ command: ['sh', '-c', stubborn] }) })));
    const pids = () => (existsSync(marks) ? readFileSync(marks, 'utf8').trim().split('\n') : []);
    while (pids().length < 2) await new Promise((resolve) => setTimeout(resolve, 10));

    expect(send(id, killScript(id, 1))).toEqual({ state: 'taken' });

    await new Promise((resolve) => child.on('close', resolve));
    expect(look(id)).toMatchObject({ state: 'done', how: 'signal', code: 137, killed: true });
    await expect.poll(() => pids().filter(isAlive)).toEqual([]);
  });

  it('never starts what was withdrawn before it came', () => {
    const id = randomUUID();

    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    expect(send(id, killScript(id, 1))).toEqual({ state: 'withdrawn', bootId });

    expect(run({ id, command: ['true'] }).report).toEqual({ state: 'taken' });
    expect(look(id)).toEqual({ state: 'withdrawn', bootId });
  });

  it('keeps as much of an endless output as it may, and its end, and the command never notices', () => {
    const { id, report } = run({ command: ['sh', '-c', 'seq 3000000; echo end; exit 5'], limitBytes: 100_000 });

    expect(report).toMatchObject({ state: 'done', code: 5, moreStdout: true, moreStderr: false });
    const shown = report?.state === 'done' ? report.stdout.toString() : '';
    expect(shown.startsWith('1\n2\n')).toBe(true);
    expect(shown.endsWith('\n3000000\nend\n')).toBe(true);
    expect(readFileSync(join(root, `${id}.out`)).length).toBeLessThan(102_400 * 2 + 1);
  });

  it('tells no more of a stream than it shows, whatever somebody put in the place of its file', () => {
    const { id } = run({ command: ['sh', '-c', 'seq 3000000'], limitBytes: 20_000 });
    writeFileSync(join(root, `${id}.out.tail`), 'x'.repeat(1_000_000));

    const { stdout } = spawnSync(shell, [...more, '-s', id], { input: inRoot(lookScript(id)) });

    expect(stdout.length).toBeLessThan(2 * shownBytes + 256);
  });

  it('runs a script by its interpreter, with arguments', () => {
    const text = `#!/bin/sh\n# it's "long"\n${'# comment\n'.repeat(20_000)}echo "$1-$2"; cat\n`;
    const { report } = run({ command: ['/bin/sh'], script: { text, args: ['a b', 'c'] }, stdin: Buffer.from('in') });

    expect(report?.state === 'done' && report.stdout.toString()).toBe('a b-c\nin');
  });

  it('starts where it is told to, as whom it is told to, and says what it lacks for that', () => {
    const where = run({ command: ['pwd'], workingDirectory: '/usr' }).report;
    const nowhere = run({ command: ['true'], workingDirectory: '/no/such' }).report;
    const nobody = run({ command: ['sh', '-c', 'id -un; echo "$1"', 'sh', "it's"], user: 'nobody' }).report;
    const noone = run({ command: ['true'], user: 'no-such-user' }).report;

    expect(where?.state === 'done' && where.stdout.toString()).toBe('/usr\n');
    expect(nowhere).toMatchObject({ how: 'nodir' });
    expect(nobody?.state === 'done' && nobody.stdout.toString()).toBe("nobody\nit's\n");
    expect(noone).toMatchObject({ how: 'nouser' });
  });

  it('tells the end of a command whose child still holds its output in the background', async () => {
    const id = randomUUID();
    const child = spawn(shell, [...more, '-s', id]);
    child.stdin.end(
      inRoot(startScript({ id, launch: launchFor({ command: ['sh', '-c', 'sleep 30 & echo started'] }) })),
    );

    await expect.poll(() => look(id), { timeout: 10_000 }).toMatchObject({ state: 'done', code: 0, stdoutBytes: 8 });

    killAllOf(id);
    await new Promise((resolve) => child.on('close', resolve));
  });

  it('leaves the command its own umask', () => {
    const { report } = run({ command: ['sh', '-c', 'umask'] });

    expect(report?.state === 'done' && Number.parseInt(report.stdout.toString(), 8)).toBe(process.umask());
  });

  it('is not confused by variables and programs that are named like its own', () => {
    const env = ['setsid', 'code', 'how', 'in', 'boot', 'mine', 'id'].map((name) => ({ name, value: '/bin/false' }));

    expect(run({ command: ['sh', '-c', 'exit 4'], env }).report).toMatchObject({
      how: 'exit',
      code: 4,
    });
    expect(run({ command: ['tell'] }).report).toMatchObject({ how: 'none' });
    expect(run({ command: ['-x'] }).report).toMatchObject({ how: 'none' });
  });

  it('passes on every variable that the API takes, be it one that shells have a value of their own for', () => {
    // As `sh`, bash is stricter.
    const names = spawnSync('bash', ['-c', 'compgen -v']).stdout.toString().trim().split('\n');
    const setOnTheWay = ['PATH', 'PWD', 'OLDPWD', 'SHLVL', ...shellsOwnVariables];
    const env = [...names, ...bashKnows, 'LC_ALL', 'TMOUT', 'IFS', 'ENV', 'BASH_ENV', 'CDPATH', 'POSIXLY_CORRECT']
      .filter((name) => !setOnTheWay.includes(name) && !name.startsWith('npm_'))
      .map((name) => ({ name, value: `it's ${name}` }));

    const { report } = run({ command: ['env', '-0'], env });

    const printed = report?.state === 'done' ? report.stdout.toString().split('\0') : [];
    expect(printed).toEqual(expect.arrayContaining(env.map(({ name, value }) => `${name}=${value}`)));
  });

  it('starts nothing when it has no room for the command’s input', () => {
    const log = join(root, `${randomUUID()}.log`);
    const command = ['sh', '-c', `echo started >>${log}`];
    const id = randomUUID();
    const script = inRoot(startScript({ id, launch: launchFor({ command, stdin: Buffer.alloc(100_000, 'x') }) }));
    // A file size limit stands for a full disk: the same write fails.
    const limited = `trap '' XFSZ; ulimit -f 16\n${script}`;

    const { stdout, stderr } = spawnSync(shell, [...more, '-s', id], { input: limited });

    expect(parseSpoolReport(stdout, stderr, id)).toEqual({ state: 'nospool' });
    expect(existsSync(log)).toBe(false);
    expect(look(id)).toEqual({ state: 'nospool' });
  });

  it('removes the files of earlier runs when told to', async () => {
    const { id } = run({ command: ['true'] });

    run({ command: ['sleep', '0.2'], drop: [id] });

    expect(existsSync(join(root, `${id}.claim`))).toBe(false);
  });
});

/** SIGKILL to whatever belongs to a run: its launcher, and what has its variable. */
function killAllOf(id: string): void {
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const of = readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (of.includes(id)) process.kill(Number(pid), 'SIGKILL');
    } catch {
      // Gone meanwhile.
    }
  }
}

function isAlive(pid: string): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
