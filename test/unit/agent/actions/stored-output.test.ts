import { expect, it } from 'vitest';
import type { ActionRun } from '../../../../src/agent/actions/action.ts';
import { storeOutput } from '../../../../src/agent/actions/stored-output.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../../src/guest/hypervisor.ts';
import type { SpoolReport } from '../../../../src/guest/spool-report.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const ending = { phase: 'Succeeded', reason: 'Completed', message: '', exec: { exitCode: 0 } } as const;
const mebibyte = 1_048_576;

/** A guest whose files hold `files`, and whose agent gives `most` bytes at once, however much it is asked for. */
function aGuest(files: Record<string, Buffer>, { most = Number.POSITIVE_INFINITY } = {}) {
  const open = new Map<number, { bytes: Buffer; at: number }>();
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string) {
      const { execute, arguments: args } = JSON.parse(text);
      return JSON.stringify({ return: answer(execute, args) });
    },
  } as unknown as Hypervisor;
  let handles = 0;
  const answer = (execute: string, args: { path: string; handle: number; count: number; offset: number }) => {
    if (execute === 'guest-file-open') {
      open.set(++handles, { bytes: files[args.path] ?? Buffer.alloc(0), at: 0 });
      return handles;
    }
    const file = open.get(args.handle);
    if (!file) throw new Error(`no handle ${args.handle}`);
    switch (execute) {
      case 'guest-file-close':
        open.delete(args.handle);
        return {};
      case 'guest-file-seek':
        file.at = args.offset;
        return { position: file.at, eof: false };
      default: {
        const read = file.bytes.subarray(file.at, file.at + Math.min(args.count, most));
        file.at += read.length;
        return { count: read.length, 'buf-b64': read.toString('base64'), eof: file.at === file.bytes.length };
      }
    }
  };
  return { hypervisor, open };
}

function setUp(stdout: Buffer, { most, claims = stdout.length }: { most?: number; claims?: number } = {}) {
  const { hypervisor, open } = aGuest({ '/run/qga/uid.out': stdout }, most === undefined ? {} : { most });
  const kept: Buffer[] = [];
  const run = {
    task: { metadata: { name: 'task', uid: 'uid' }, spec: { guestName: 'web-1', action: {} } } as GuestTask,
    guest: new LiveGuest(new GuestAgent(hypervisor, 'uuid')),
    output: {
      async keep(_kind: string, stream: string, part: number, bytes: Buffer) {
        kept.push(Buffer.from(bytes));
        return `${stream}-${part}`;
      },
    },
    stopped: new AbortController().signal,
    withdrawn: new AbortController().signal,
    clock: new FakeClock(),
  } as unknown as ActionRun;
  const report = { state: 'done', stdoutBytes: claims, stderrBytes: 0 } as Extract<SpoolReport, { state: 'done' }>;
  const store = (limitBytes?: number) =>
    storeOutput(run, { output: { store: 'ConfigMap', ...(limitBytes && { limitBytes }) } }, report, ending);
  return { store, kept, open };
}

const someBytes = (length: number) => Buffer.from(Array.from({ length }, (_, at) => at % 251));

it('brings a stream into objects of one size and a last one', async () => {
  const stdout = someBytes(mebibyte + 10);
  const { store, kept, open } = setUp(stdout);

  expect(await store(2 * mebibyte)).toMatchObject({
    phase: 'Succeeded',
    exec: { stored: { stdout: ['stdout-0', 'stdout-1', 'stdout-2'], stdoutBytes: mebibyte + 10 } },
  });
  expect(kept.map(({ length }) => length)).toEqual([524_288, 524_288, 10]);
  expect(Buffer.concat(kept).equals(stdout)).toBe(true);
  expect(open.size).toBe(0);
});

it.each([1, 1000])('makes no object for each small piece that a guest gives: %s bytes', async (most) => {
  const stdout = someBytes(20_000);
  const { store, kept } = setUp(stdout, { most });

  expect(await store()).toMatchObject({ exec: { stored: { stdout: ['stdout-0'], stdoutBytes: 20_000 } } });
  expect(Buffer.concat(kept).equals(stdout)).toBe(true);
});

it('keeps no more than the limit, whatever a guest says it has', async () => {
  const { store, kept } = setUp(someBytes(2 * mebibyte), { claims: Number.MAX_SAFE_INTEGER });

  expect(await store(mebibyte)).toMatchObject({ exec: { stored: { stdoutBytes: mebibyte } } });
  expect(Buffer.concat(kept)).toHaveLength(mebibyte);
});

it('tells how much there was where a guest says that there is more', async () => {
  const { store } = setUp(someBytes(100), { claims: 500_000 });

  expect(await store()).toMatchObject({ exec: { stored: { stdout: ['stdout-0'], stdoutBytes: 100 } } });
});
