import { expect, it } from 'vitest';
import type { ActionRun } from '../../../../src/agent/actions/action.ts';
import { storeOutput } from '../../../../src/agent/actions/stored-output.ts';
import { LiveGuest } from '../../../../src/agent/live-guest.ts';
import type { GuestTask } from '../../../../src/api/resources.ts';
import { GuestAgent } from '../../../../src/guest/guest-agent.ts';
import type { Hypervisor } from '../../../../src/guest/hypervisor.ts';
import type { SpoolReport } from '../../../../src/guest/spool-report.ts';
import { LibvirtError, virErrorNumber } from '../../../../src/libvirt/errors.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const ending = { phase: 'Succeeded', reason: 'Completed', message: '', exec: { exitCode: 0 } } as const;
const mebibyte = 1_048_576;

const failure = (code: number) => new LibvirtError({ code, domain: 10, level: 2, message: 'trouble' });
const refused = failure(virErrorNumber.AGENT_COMMAND_FAILED);
const late = failure(virErrorNumber.AGENT_COMMAND_TIMEOUT);

interface GuestOptions {
  /** Of bytes at once, however much is asked for. */
  most?: number;
  /** What goes wrong with a call. */
  faultOf?: (execute: string) => Error | 'restart' | undefined;
}

/** A guest whose files hold `files`. */
function aGuest(
  files: Record<string, Buffer>,
  { most = Number.POSITIVE_INFINITY, faultOf = () => undefined }: GuestOptions,
) {
  const open = new Map<number, { bytes: Buffer; at: number }>();
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string) {
      const { execute, arguments: args } = JSON.parse(text);
      const fault = faultOf(execute);
      if (fault === 'restart') open.clear();
      else if (fault) throw fault;
      return JSON.stringify({ return: answer(execute, args) });
    },
  } as unknown as Hypervisor;
  let handles = 0;
  const answer = (execute: string, args: { path: string; handle: number; count: number; offset: number }) => {
    if (execute === 'guest-file-open') {
      open.set(++handles, { bytes: files[args.path] ?? Buffer.alloc(0), at: 0 });
      return handles;
    }
    if (execute === 'guest-info') return { version: '10', supported_commands: offered };
    if (execute === 'guest-fsfreeze-status') return 'thawed';
    const file = open.get(args.handle);
    if (!file) throw refused;
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

const offered = ['guest-file-open', 'guest-file-read'].map((name) => ({ name, enabled: true }));

function setUp(stdout: Buffer, { claims = stdout.length, ...more }: GuestOptions & { claims?: number } = {}) {
  const { hypervisor, open } = aGuest({ '/run/qga/uid.out': stdout }, more);
  const clock = new FakeClock();
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
    clock,
  } as unknown as ActionRun;
  const report = { state: 'done', stdoutBytes: claims, stderrBytes: 0 } as Extract<SpoolReport, { state: 'done' }>;
  const store = async (limitBytes?: number) => {
    const output = { store: 'ConfigMap' as const, ...(limitBytes && { limitBytes }) };
    const stored = storeOutput(run, { output }, report, ending);
    void clock.advance(3_600_000);
    return await stored;
  };
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

it.each([
  ['falls silent', late],
  ['refuses once', refused],
  ['restarts its agent', 'restart'],
] as const)('reads on where it was when the guest %s meanwhile', async (_, fault) => {
  const stdout = someBytes(mebibyte);
  let reads = 0;
  const { store, kept, open } = setUp(stdout, {
    most: 100_000,
    faultOf: (execute) => (execute === 'guest-file-read' && ++reads % 4 === 3 ? fault : undefined),
  });

  expect(await store()).toMatchObject({ message: '', exec: { stored: { stdout: ['stdout-0', 'stdout-1'] } } });
  expect(Buffer.concat(kept).equals(stdout)).toBe(true);
  expect(open.size).toBe(0);
});

it('tells how the command ended though its output can not be had at all', async () => {
  const { store } = setUp(someBytes(10), {
    faultOf: (execute) => (execute === 'guest-file-open' ? refused : undefined),
  });

  const stored = await store();
  expect(stored).toMatchObject({ phase: 'Succeeded', exec: { exitCode: 0 } });
  expect(stored.message).toContain('could not be kept');
});

it('gives up a guest that stays silent', async () => {
  const { store } = setUp(someBytes(10), { faultOf: (execute) => (execute === 'guest-file-open' ? late : undefined) });

  expect((await store()).message).toContain('could not be kept');
});
