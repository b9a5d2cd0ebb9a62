import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  discardScript,
  type Placing,
  parsePlaced,
  parsePrepared,
  placeScript,
  prepareScript,
  temporaryName,
} from '../../../src/agent/actions/file/place-script.ts';
import { sha256Of } from '../../../src/agent/actions/file/wanted-file.ts';
import { shells } from '../../harness/shells.ts';

const id = '00000000-0000-4000-8000-000000000001';
const ours = temporaryName(id, 'mwv8');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'qga-place-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each(shells)('under %s', (shell, ...options) => {
  function sh(script: string): string {
    return spawnSync(shell, [...options, '-s'], { input: script, encoding: 'utf8' }).stdout;
  }
  const prepare = (path: string) => parsePrepared(sh(prepareScript(path, ours)), ours);
  const place = (placing: Placing) => parsePlaced(sh(placeScript(placing)));

  /** A file written beside its place, ready to be put there. */
  function written(name: string, content: string, more: Partial<Placing> = {}): Placing {
    const prepared = prepare(join(folder, name));
    if (prepared?.kind !== 'ready') throw new Error(`not ready: ${JSON.stringify(prepared)}`);
    const { temporary, target, canSum } = prepared;
    writeFileSync(temporary, content);
    return {
      temporary,
      target,
      canSum,
      sha256: sha256Of(Buffer.from(content)),
      mode: undefined,
      owner: undefined,
      ...more,
    };
  }

  describe('preparing a place', () => {
    it('makes a file beside it that nobody else can read', () => {
      const prepared = prepare(join(folder, 'new'));

      expect(prepared).toEqual({
        kind: 'ready',
        target: join(folder, 'new'),
        temporary: join(folder, ours),
        canSum: true,
      });
      expect(statSync(join(folder, ours)).mode & 0o777).toBe(0o600);
      expect(existsSync(join(folder, 'new'))).toBe(false);
    });

    it('follows a link to where it leads, and makes it there', () => {
      mkdirSync(join(folder, 'there'));
      writeFileSync(join(folder, 'there/file'), '');
      symlinkSync('there/file', join(folder, 'link'));

      expect(prepare(join(folder, 'link'))).toMatchObject({
        target: join(folder, 'there/file'),
        temporary: join(folder, 'there', ours),
      });
    });

    it('never writes through what somebody put in the way', () => {
      writeFileSync(join(folder, 'victim'), 'precious');
      symlinkSync('victim', join(folder, ours));

      expect(prepare(join(folder, 'new'))).toMatchObject({ kind: 'refused', problem: 'NotCreated' });
      expect(readFileSync(join(folder, 'victim'), 'utf8')).toBe('precious');
    });

    it.each([
      ['a directory', '.', 'IsDirectory'],
      ['a name that ends like one', 'new/', 'IsDirectory'],
      ['a folder that is not there', 'no/new', 'ParentNotFound'],
      ['a folder that is a file', 'file/new', 'ParentNotFound'],
    ])('tells of %s', (_, name, problem) => {
      writeFileSync(join(folder, 'file'), '');

      expect(prepare(`${folder}/${name}`)).toMatchObject({ kind: 'refused', problem });
    });

    it.each(String.raw`CORP\bob.conf a\nb a\0101 end\c \\`.split(' '))(
      'takes the backslash of %s for itself',
      (name) => {
        expect(place(written(name, 'content'))).toMatchObject({ kind: 'placed' });
        expect(readdirSync(folder)).toEqual([name]);
      },
    );

    it('takes paths of any characters for themselves', () => {
      const name = fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
        .filter((each) => !/[/\0]/.test(each) && !/^\.\.?$/.test(each));
      fc.assert(
        fc.property(name, (each) => {
          const placing = written(each, 'content');

          expect(place(placing)).toMatchObject({ kind: 'placed' });
          expect(readdirSync(folder)).toEqual([each]);
          rmSync(join(folder, each));
        }),
        { numRuns: 25 },
      );
    });
  });

  describe('putting a file in place', () => {
    it('gives a new one 0644, and what it is told', () => {
      expect(place(written('a', 'x'))).toMatchObject({ kind: 'placed', created: true, mode: '644' });
      expect(place(written('b', 'x', { mode: '0700' }))).toMatchObject({ mode: '700' });
    });

    it('lets a file that is replaced keep its mode', () => {
      writeFileSync(join(folder, 'a'), 'old');
      chmodSync(join(folder, 'a'), 0o640);

      expect(place(written('a', 'new'))).toMatchObject({ created: false, mode: '640' });
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('new');
    });

    it('does it once, however often it is asked, and tells so', () => {
      const placing = written('a', 'ours');
      expect(place(placing)).toMatchObject({ kind: 'placed' });
      expect(place(placing)).toMatchObject({ kind: 'placedBefore', mode: '644' });

      writeFileSync(join(folder, 'a'), 'somebody’s');

      expect(place(placing)).toEqual({ kind: 'lost' });
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('somebody’s');
    });

    it.each([
      ['what was written is not what was sent', { sha256: '0'.repeat(64) }, 'Corrupted'],
      ['there is no such account', { owner: 'nobody-here' }, 'OwnerRefused'],
    ])('changes nothing where %s', (_, more, problem) => {
      writeFileSync(join(folder, 'a'), 'old');

      expect(place(written('a', 'new', more))).toMatchObject({ kind: 'refused', problem });
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old');
    });

    it('does not move it into a directory that came in between', () => {
      const placing = written('a', 'x');
      mkdirSync(join(folder, 'a'));

      expect(place(placing)).toMatchObject({ kind: 'refused', problem: 'IsDirectory' });
      expect(readdirSync(join(folder, 'a'))).toEqual([]);
    });
  });

  it('is not disturbed by what is late of an earlier try, and leaves nothing of it', () => {
    const placing = written('a', 'ours');

    sh(prepareScript(join(folder, 'a'), temporaryName(id, 'mwv7')));

    expect(place(placing)).toMatchObject({ kind: 'placed' });
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('removes the temporary files of a task and no others, and tells whether there is room', () => {
    written('a', 'x');
    sh(prepareScript(join(folder, 'a'), temporaryName('another', 'mwv8')));

    expect(sh(discardScript(join(folder, 'a'), id, 1))).toBe('room\n');
    expect(readdirSync(folder)).toEqual([temporaryName('another', 'mwv8')]);
    expect(sh(discardScript(join(folder, 'a'), id, 2 ** 60))).toBe('full\n');
  });
});
