import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requiredThreads } from '../../../src/libvirt/thread-pool.ts';
import { runProgram } from './processes/run.ts';
import { type SilentServer, startSilentServer } from './processes/silent-server.ts';
import { testUri } from './test-driver.ts';

const lanes = 8;
/** Of every lane, the control lane, and the event loop. */
const blockedCalls = lanes + 2;
/** Long enough for a machine under load: the blocked calls never come back. */
const soonMs = 5000;
let server: SilentServer;
let folder: string;

beforeAll(async () => {
  server = await startSilentServer();
  folder = await mkdtemp(join(tmpdir(), 'bundle-'));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function bundled(program: string): Promise<string> {
  const outfile = join(folder, `${program}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, 'processes', program)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  return outfile;
}

describe.concurrent('the thread pool', () => {
  test.each([
    ['source', async (program: string) => program],
    ['bundle', bundled],
  ])('leaves DNS its threads while every lane is blocked, run from %s', { timeout: 30_000 }, async (_, entry) => {
    const { stdout, exitCode, exitMs } = await runProgram(await entry('blocked-lanes.ts'), [server.uri, String(lanes)]);

    const seen = JSON.parse(stdout.split('\n')[0] ?? '');
    expect(seen).toEqual({ lookupMs: expect.any(Number), blocked: blockedCalls, threads: requiredThreads(lanes) });
    expect(seen.lookupMs).toBeLessThan(soonMs);
    expect(exitCode).toBe(7);
    expect(exitMs).toBeLessThan(soonMs);
  });

  test('would starve DNS at the size that Node gives it', { timeout: 30_000 }, async () => {
    const { stdout } = await runProgram('blocked-lanes.ts', [server.uri, String(lanes), 'small-pool']);

    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({ lookupMs: null, threads: 4 });
  });

  test('keeps a larger size that somebody asked for', { timeout: 30_000 }, async () => {
    const env = { UV_THREADPOOL_SIZE: '40' };

    const { stdout } = await runProgram('blocked-lanes.ts', [server.uri, String(lanes)], env);

    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({ threads: 40 });
  });

  test('can not grow once it was started, and says what to do', { timeout: 30_000 }, async () => {
    const { exitCode, stderr } = await runProgram('late-threads.ts');

    expect(exitCode).toBe(1);
    expect(stderr).toContain('ThreadPoolTooSmallError');
    expect(stderr).toContain(`start the process with UV_THREADPOOL_SIZE=${requiredThreads(8)}`);
  });
});

describe.concurrent('a process', () => {
  test('exits at once from within an event', { timeout: 30_000 }, async () => {
    const { exitCode, exitMs } = await runProgram('exit-in-event.ts', ['exit']);

    expect(exitCode).toBe(7);
    expect(exitMs).toBeLessThan(soonMs);
  });

  test('fails by a listener that throws, as by any other error that nobody caught', { timeout: 30_000 }, async () => {
    const { exitCode, exitMs, stderr } = await runProgram('exit-in-event.ts', ['throw']);

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/Uncaught Error: a listener failed\n {4}at .*exit-in-event.ts/);
    expect(exitMs).toBeLessThan(soonMs);
  });

  test('ends by itself when the hypervisor was closed', { timeout: 30_000 }, async () => {
    const { exitCode, stdout, exitMs } = await runProgram('close.ts', [testUri]);

    expect(exitCode).toBe(0);
    expect(stdout).toContain('clean: true');
    expect(exitMs).toBeLessThan(soonMs);
  });

  test('learns that a call is still blocked when the grace is over, and leaves hard', { timeout: 30_000 }, async () => {
    const { exitCode, stdout, exitMs } = await runProgram('close.ts', [server.uri, '300']);

    expect(stdout).toContain('clean: false');
    expect(exitCode).toBe(9);
    expect(exitMs).toBeLessThan(soonMs);
  });

  test('is told in a sentence that libvirt is not installed', { timeout: 30_000 }, async () => {
    const { stdout } = await runProgram('missing-library.ts');

    expect(stdout).toMatch(/^LibvirtMissingError: libvirt-of-nowhere.so.0 and libvirt-qemu.so.0 can't be loaded/);
    expect(stdout).toContain("install libvirt's client library");
  });
});
