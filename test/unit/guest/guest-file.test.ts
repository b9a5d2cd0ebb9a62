import { expect, it } from 'vitest';
import { GuestAgent } from '../../../src/guest/guest-agent.ts';
import { GuestFile } from '../../../src/guest/guest-file.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';

interface Request {
  execute: string;
  arguments?: { 'buf-b64'?: string; count?: number };
}

const refused = new LibvirtError({ code: virErrorNumber.AGENT_COMMAND_FAILED, domain: 10, level: 2, message: 'no' });
const silent = new LibvirtError({ code: virErrorNumber.AGENT_COMMAND_TIMEOUT, domain: 10, level: 2, message: 'late' });

/** A file of an agent that answers as `answer` says; other commands as an agent in order does. */
function openFile(answer: (request: Request) => unknown) {
  const asked: string[] = [];
  const hypervisor = {
    info: () => ({ uri: '', libvirtVersion: '11.3.0', hypervisorVersion: '' }),
    async agentCommand(_uuid: string, text: string) {
      const request = JSON.parse(text) as Request;
      asked.push(request.execute);
      const reply = answer(request) ?? (request.execute === 'guest-fsfreeze-status' ? 'thawed' : {});
      if (reply instanceof Error) throw reply;
      return JSON.stringify({ return: reply });
    },
  } as unknown as Hypervisor;
  const clock = new FakeClock();
  const file = new GuestFile(new GuestAgent(hypervisor, 'uuid'), 7, { clock, signal: new AbortController().signal });
  return { file, asked, clock };
}

it('finishes what the agent wrote only a part of', async () => {
  let kept = Buffer.alloc(0);
  const { file, asked } = openFile(({ execute, arguments: args }) => {
    if (execute !== 'guest-file-write') return undefined;
    const part = Buffer.from(args?.['buf-b64'] ?? '', 'base64').subarray(0, 100_000);
    kept = Buffer.concat([kept, part]);
    return { count: part.length, eof: false };
  });
  const bytes = Buffer.from(Array.from({ length: 250_000 }, (_, at) => at % 251));

  expect(await file.fillAndClose(bytes)).toBeUndefined();

  expect(kept.equals(bytes)).toBe(true);
  expect(asked.slice(-2)).toEqual(['guest-file-flush', 'guest-file-close']);
});

/** A disk that has room for so many bytes of one write: the agent refuses that in its midst. */
function refusing(takes: number) {
  return openFile(({ execute }) => {
    if (execute === 'guest-file-write') return refused;
    return execute === 'guest-file-seek' ? { position: takes, eof: false } : undefined;
  });
}
const toTheFile = (asked: string[]) => asked.filter((command) => !/status|seek/.test(command));

it('closes a file that could not be written, and tells why it could not', async () => {
  const { file, asked } = refusing(0);

  expect(await file.fillAndClose(Buffer.from('xyz'))).toMatchObject({ code: 'Refused' });
  expect(toTheFile(asked)).toEqual(['guest-file-write', 'guest-file-write', 'guest-file-close']);
});

it.each([
  ['in its midst', () => refusing(2)],
  [
    'where nobody knows how far it came',
    () => openFile(({ execute }) => (/write|seek/.test(execute) ? refused : undefined)),
  ],
])('writes nothing twice that was refused %s', async (_, open) => {
  const { file, asked } = open();

  expect(await file.fillAndClose(Buffer.from('xyz'))).toMatchObject({ code: 'Refused' });
  expect(toTheFile(asked)).toEqual(['guest-file-write', 'guest-file-close']);
});

it('reads nothing twice that was refused in its midst: what had been read would be missing', async () => {
  let reads = 0;
  const { file } = openFile(({ execute }) => {
    if (execute === 'guest-file-seek') return { position: reads === 0 ? 0 : 2, eof: false };
    if (execute !== 'guest-file-read') return undefined;
    return ++reads === 1 ? refused : { count: 1, 'buf-b64': 'eA==', eof: true };
  });

  await expect(file.read(0, 4)).rejects.toMatchObject({ code: 'Refused' });
});

it('does not write for ever to an agent that takes nothing', async () => {
  const { file } = openFile(({ execute }) => (execute === 'guest-file-write' ? { count: 0, eof: false } : undefined));

  expect(await file.fillAndClose(Buffer.from('x'))).toMatchObject({ code: 'Refused' });
});

it('believes no agent that gives more than it was asked for, or nothing for ever', async () => {
  const much = openFile(({ execute }) =>
    execute === 'guest-file-read'
      ? { count: 9, 'buf-b64': Buffer.from('123456789').toString('base64'), eof: false }
      : { position: 0, eof: false },
  );
  expect(await much.file.read(0, 4)).toEqual({ bytes: Buffer.from('1234'), eof: false });

  const nothing = openFile(({ execute }) =>
    execute === 'guest-file-read' ? { count: 0, 'buf-b64': '', eof: false } : { position: 0, eof: false },
  );
  expect(await nothing.file.read(0, 4)).toEqual({ bytes: Buffer.alloc(0), eof: true });
});

it('keeps at closing while the agent is silent or frozen', async () => {
  const troubles = [silent, refused, refused];
  let frozen = true;
  const { file, asked, clock } = openFile(({ execute }) => {
    if (execute === 'guest-fsfreeze-status') return frozen ? 'frozen' : 'thawed';
    return troubles.shift();
  });
  const closed = file.close();
  await clock.advance(60_000);
  frozen = false;
  await clock.advance(60_000);

  expect(await closed).toBeUndefined();
  expect(asked.filter((command) => command === 'guest-file-close')).toHaveLength(4);
});

it('closes once what the agent says it could not close: a second time would be the agent’s end', async () => {
  const { file, asked } = openFile(({ execute }) => (execute === 'guest-file-close' ? refused : undefined));

  expect(await file.close()).toMatchObject({ code: 'Refused' });
  expect(asked.filter((command) => command === 'guest-file-close')).toHaveLength(1);
});
