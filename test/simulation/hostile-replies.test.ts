import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Command, decode } from '../../src/qga/command.ts';
import {
  allCommands,
  guestExecStatus,
  guestFileOpen,
  guestGetMemoryBlocks,
  guestGetTime,
} from '../../src/qga/commands.ts';
import { MalformedReplyError } from '../../src/qga/errors.ts';
import { samples } from '../unit/qga/samples.ts';

/** A guest can answer anything. Each property runs against every command's schema. */
const anyCommand = fc.constantFrom(...allCommands.keys());
const settings = { numRuns: 1500 };

const words = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'return',
  'error',
  ...new Set(Object.values(samples).flatMap((sample) => sample.return.match(/[a-z][a-z0-9-]+/g) ?? [])),
];

/** JSON text of any value, with keys that are there twice and numbers past what is exact. */
const { value: anyJson } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '-0', '1e400', '-1', '1.5', '{}', '[]', '""'),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.oneof(fc.string(), fc.base64String(), fc.constantFrom(...words)).map((text) => JSON.stringify(text)),
    fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join()}]`),
    fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...words), fc.string()), tie('value')), { maxLength: 6 })
      .map((members) => `{${members.map(([key, member]) => `${JSON.stringify(key)}:${member}`).join()}}`),
  ),
}));

/** A good answer in which one value, anywhere, is another. */
const spoiled = fc
  .tuple(anyCommand, fc.nat(), anyJson)
  .map(([command, index, value]) => ({ command, text: replaceOne(sampleOf(command), index, value) }));

describe('whatever a guest answers', () => {
  it('gives a value by the schema, or a malformed reply', () => {
    fc.assert(
      fc.property(anyCommand, anyJson, (command, json) => {
        expectTruth(command, `{"return": ${json}}`);
      }),
      settings,
    );
  });

  it('finds the lie in a good answer, or gives what is really there', () => {
    fc.assert(
      fc.property(spoiled, ({ command, text }) => expectTruth(command, `{"return": ${text}}`)),
      settings,
    );
  });

  it('takes no envelope for a success that has no return of its own', () => {
    fc.assert(
      fc.property(
        anyCommand,
        anyJson,
        fc.constantFrom('__proto__', 'constructor', 'error', 'Return'),
        (command, json, key) => {
          expectMalformed(command, `{"${key}": ${json}}`);
          expectMalformed(command, `{"__proto__": {"return": ${sampleOf(command)}}}`);
          expectMalformed(command, `[${json}]`);
        },
      ),
      settings,
    );
  });

  it('takes no half of an answer for a whole one', () => {
    fc.assert(
      fc.property(anyCommand, fc.nat(), (command, at) => {
        const reply = `{"return": ${sampleOf(command)}}`;

        expectMalformed(command, reply.slice(0, at % reply.length));
      }),
      settings,
    );
  });

  it('takes any text for malformed that is not JSON', () => {
    fc.assert(
      fc.property(anyCommand, fc.string({ unit: 'binary' }), (command, text) => {
        expectTruth(command, text);
        expectMalformed(command, `{"return": ${sampleOf(command)}}${text.trim() || '!'}`);
      }),
      settings,
    );
  });

  it('reads every 64-bit integer exactly, and refuses those that are longer', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (time) => {
        const fits = BigInt.asIntN(64, time) === time;

        if (fits) expect(decode(guestGetTime, `{"return": ${time}}`)).toBe(time);
        else expectMalformed('guest-get-time', `{"return": ${time}}`);
      }),
      settings,
    );
  });

  it('reads plain integers exactly, or not at all', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }), (handle) => {
        if (Number.isSafeInteger(Number(handle)))
          expect(decode(guestFileOpen, `{"return": ${handle}}`)).toBe(Number(handle));
        else expectMalformed('guest-file-open', `{"return": ${handle}}`);
      }),
      settings,
    );
  });

  it('survives nesting of any depth', () => {
    fc.assert(
      fc.property(
        anyCommand,
        fc.integer({ min: 33, max: 1_000_000 }),
        fc.constantFrom('[', '{"a":'),
        (command, depth, open) => {
          const close = open === '[' ? ']' : '}';

          expectMalformed(command, `{"return": ${open.repeat(depth)}1${close.repeat(depth)}}`);
          expectMalformed(command, open.repeat(depth));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('leaves what all objects inherit as it is', () => {
    fc.assert(
      fc.property(anyCommand, (command) => {
        const reply = sampleOf(command)
          .replace(/^(\[?\{)/, '$1"__proto__": {"polluted": true}, ')
          .replace(', }', '}');

        expectTruth(command, `{"return": ${reply}}`);
        expect('polluted' in {}).toBe(false);
      }),
    );
  });

  it('takes the last of a key that is there twice, as JSON.parse does', () => {
    expect(decode(guestExecStatus, '{"return": {"exited": true, "exitcode": 0, "exited": false}}')).toMatchObject({
      exited: false,
    });
  });
});

const mebibytes = 1024 * 1024;

describe('however long a guest’s answer', () => {
  it.each([
    ['a string', () => `"${'x'.repeat(10 * mebibytes)}"`],
    ['base64', () => `{"exited": true, "out-data": "${'A'.repeat(10 * mebibytes)}"}`],
    ['a string, as long as libvirt lets it be', () => `"${'x'.repeat(4 * mebibytes - 20)}"`],
    ['a name', () => `{"host-name": "${'x'.repeat(4 * mebibytes - 40)}"}`],
    ['escapes', () => `"${'\\"'.repeat(2 * mebibytes - 20)}"`],
    ['backslashes', () => `"${'\\'.repeat(4 * mebibytes - 20)}"`],
    ['a number', () => '9'.repeat(4 * mebibytes - 20)],
    ['a list of nothing', () => `[${'[],'.repeat(mebibytes)}[]]`],
    ['a list of empty objects and a long number', () => `[${'{},'.repeat(249_990)}12345678901234567]`],
    ['opening brackets', () => '['.repeat(4 * mebibytes - 20)],
    ['spaces', () => ' '.repeat(4 * mebibytes - 20)],
  ])('refuses %s', (_, json) => {
    const reply = `{"return": ${json()}}`;

    for (const command of ['guest-get-host-name', 'guest-get-time', 'guest-get-fsinfo', 'guest-exec-status']) {
      expectMalformed(command, reply);
    }
  });

  it('reads as much output as libvirt carries', () => {
    const data = 'A'.repeat(4 * mebibytes - 64);

    const status = decode(guestExecStatus, `{"return": {"exited": true, "out-data": "${data}"}}`);

    expect(status).toEqual({ exited: true, 'out-data': data });
  });

  it('reads the memory blocks of the largest guest that an answer can describe', () => {
    const block = '{"phys-index": 0, "online": true, "can-offline": true}';
    const longest = Math.floor((4 * mebibytes - 20) / (block.length + 2));

    const blocks = decode(
      guestGetMemoryBlocks,
      `{"return": [${Array.from({ length: longest }, () => block).join(', ')}]}`,
    );

    expect(blocks).toHaveLength(longest);
  });
});

function named(command: string): Command {
  return allCommands.get(command) as Command;
}

function sampleOf(command: string): string {
  return samples[command]?.return as string;
}

function expectMalformed(command: string, reply: string): void {
  expect(() => decode(named(command), reply)).toThrow(MalformedReplyError);
}

/** A success must be valid by the schema, and hold nothing that the answer does not. */
function expectTruth(name: string, reply: string): void {
  const command = named(name);
  let value: unknown;
  try {
    value = decode(command, reply);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedReplyError);
    return;
  }
  expect(command.reply.parse(value)).toEqual(value);
  expectPartOf(tokensOf(reply)['return'], value);
}

/** A leaf of an answer as it was written. */
class Token {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

function tokensOf(reply: string): Record<string, unknown> {
  const reviver = (_: string, value: unknown, context?: { source?: string }) =>
    context?.source === undefined ? value : new Token(context.source);
  return JSON.parse(reply, reviver);
}

function expectPartOf(written: unknown, value: unknown): void {
  if (typeof value === 'object' && value !== null) {
    expect(Array.isArray(written)).toBe(Array.isArray(value));
    for (const key of Object.keys(value)) {
      expect(Object.hasOwn(written as object, key)).toBe(true);
      expectPartOf((written as Record<string, unknown>)[key], (value as Record<string, unknown>)[key]);
    }
    return;
  }
  const { source } = written as Token;
  if (typeof value === 'bigint')
    expect(BigInt(Number.isSafeInteger(Number(source)) ? Number(source) : source)).toBe(value);
  else expect(JSON.parse(source)).toEqual(value);
}

/** The JSON text `json` with its nth leaf replaced by `value`. */
function replaceOne(json: string, index: number, value: string): string {
  const leaves = [...json.matchAll(/"[^"]*"(:?)|-?\d[\d.]*|true|false/g)].filter(([, colon]) => !colon);
  const leaf = leaves[index % leaves.length];
  return leaf ? json.slice(0, leaf.index) + value + json.slice(leaf.index + leaf[0].length) : value;
}
