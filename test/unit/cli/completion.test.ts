import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { kubectlCompleter, shellScripts } from '../../../src/cli/completion/shells.ts';
import { valueOfFlag, wantedAt } from '../../../src/cli/completion/wanted.ts';
import { kubectlQga } from '../../../src/cli/program.ts';

const program = kubectlQga([]);
const wanted = (line: string) => wantedAt(program, line.split(' '));

it.each([
  ['exec ', ['guests']],
  ['exec -l app=web ', ['guests']],
  ['get web-1 ', ['guests']],
  ['thaw ', ['guests', 'windows']],
  ['rotate -n team-a app', ['rotations']],
  ['cp ', ['guestPaths']],
  ['logs --guest ', ['guests']],
  ['logs ', ['jobs']],
  ['explain-task -o json ', ['tasks']],
  ['freeze -n ', ['namespaces']],
])('completes "%s" by the names of %j', (line, of) => {
  expect(wanted(line)).toEqual({ what: 'names', of });
});

it('completes verbs, flags, and what a flag may be', () => {
  const words = (line: string) => {
    const found = wanted(line);
    return found.what === 'words' ? found.words.map(({ word }) => word) : [];
  };

  expect(words('')).toEqual(expect.arrayContaining(['get', 'exec', 'freeze', 'explain-task']));
  expect(words('')).not.toContain('__complete');
  expect(words('get -')).toEqual(expect.arrayContaining(['--selector', '--output', '--namespace']));
  expect(words('get -o ')).toEqual(['wide', 'json', 'yaml', 'name']);
  expect(words('completion ')).toEqual(['bash', 'zsh', 'fish', 'kubectl']);
});

it('completes files for a local command, and nothing for one in a guest', () => {
  expect(wanted('freeze web-1 -- ')).toEqual({ what: 'files' });
  expect(wanted('exec web-1 -- ')).toEqual({ what: 'nothing' });
  expect(wanted('exec --script ')).toEqual({ what: 'files' });
  expect(wanted('nonsense ')).toEqual({ what: 'nothing' });
});

it('looks where the command line says', () => {
  expect(valueOfFlag(['exec', '-n', 'team-a', ''], '-n', '--namespace')).toBe('team-a');
  expect(valueOfFlag(['exec', '--namespace=team-b', ''], '-n', '--namespace')).toBe('team-b');
  expect(valueOfFlag(['exec', ''], '-n', '--namespace')).toBeUndefined();
});

it('is what the shipped kubectl_complete-qga asks for', async () => {
  expect(await readFile(join(import.meta.dirname, '../../../plugin/kubectl_complete-qga'), 'utf8')).toBe(
    `${kubectlCompleter}\n`,
  );
});

it('works in a real bash', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qga-completion-'));
  try {
    const answering = join(folder, 'kubectl-qga');
    await writeFile(answering, '#!/bin/sh\nprintf "%s\\n" "$*" "web-1\tabout it" "web-2:/" ":4"\n');
    await chmod(answering, 0o755);
    await writeFile(join(folder, 'completion'), shellScripts.bash);
    const script = `source ${folder}/completion; COMP_WORDS=(kubectl-qga exec -n team-a ""); COMP_CWORD=4
      _kubectl_qga; printf '<%s>' "\${COMPREPLY[@]}"`;

    const { stdout } = await promisify(execFile)('bash', ['-c', script], {
      env: { PATH: `${folder}:${process.env['PATH']}` },
    });

    expect(stdout).toBe('<__complete exec -n team-a ><web-1><web-2:/>');
  } finally {
    await rm(folder, { recursive: true });
  }
});
