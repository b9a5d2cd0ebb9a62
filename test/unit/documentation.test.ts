import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { domainStates } from '../../src/libvirt/domain.ts';

const repository = join(import.meta.dirname, '../..');
const pages = globSync('{*.md,docs/**/*.md,charts/**/*.md,src/**/*.md}', { cwd: repository }).toSorted();

function read(path: string): string {
  return readFileSync(join(repository, path), 'utf8');
}

/** The name by which a heading is linked to. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('the documentation', () => {
  it.each(pages)('links in %s to what is there', (page) => {
    const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, '');
    const targets = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, target = '']) => target);

    const broken = targets.filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(repository, file))) return true;
      return anchor !== undefined && !anchorsOf(read(file)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it.each(pages)('names in %s only targets that make has', (page) => {
    const makefile = read('Makefile');
    const targets = [...read(page).matchAll(/`make ([a-z][a-z0-9-]*)/g)].map(([, target = '']) => target);

    expect(targets.filter((target) => !makefile.includes(`\n${target}:`))).toEqual([]);
  });

  it('can be read in order: docs/README.md leads to every page', () => {
    const guide = read('docs/README.md');

    const missing = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(missing.filter((page) => !guide.includes(`](${page.slice('docs/'.length)})`))).toEqual([]);
  });

  it('explains every reason that the programs give', () => {
    const explained = new Set(read('docs/reasons.md').match(/(?<=`)[A-Z]\w+(?=`)/g));
    const sourcesOf = (folders: string) => globSync(`src/${folders}/**/*.ts`, { cwd: repository }).map(read).join('\n');
    const wordsOf = (text: string) => text.match(/(?<=')[A-Z][A-Za-z]+(?=')/g) ?? [];
    const wording = sourcesOf('{agent,guest,manager}');
    const given = new Set([
      ...wordsOf([...sourcesOf('*').matchAll(/\breason: '\w+'/g)].join('\n')),
      // One of several: `reason: late ? 'A' : 'B'`, `const reason = …`, `type UnknownReason = 'A' | 'B'`, `xReasons = {…}`.
      ...wordsOf([...wording.matchAll(/\breason(?::| =) [^,;{}\n]*/g)].join('\n')),
      ...wordsOf([...wording.matchAll(/\w+Reasons? = [^;]*;/g)].join('\n')),
      // A condition's: `set('Type', 'True', 'Reason'…`.
      ...[...wording.matchAll(/\bset\('\w+', '\w+', '(\w+)'/g)].map(([, reason = '']) => reason),
      ...domainStates.map((state) => `Domain${state.charAt(0).toUpperCase()}${state.slice(1)}`),
    ]);

    expect(given.size).toBeGreaterThan(130);
    expect([...given].filter((reason) => !explained.has(reason))).toEqual([]);
  });
});
