import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { eventually } from '../../harness/eventually.ts';
import { testFolder } from '../../harness/fixtures.ts';
import { harnessPaths } from '../../harness/paths.ts';
import { run } from '../../harness/run.ts';
import { repository } from '../../harness/vitest/shared.ts';
import { useFreezes } from './freeze-fixture.ts';
import { startStandInSnapshotter } from './stand-in-snapshotter.ts';

const freezes = useFreezes('default');
const { kubectl, applyFile, over, namespace } = freezes;
const folder = testFolder();
const examples = join(repository, 'examples');

beforeAll(async () => {
  const [first, second] = freezes.hosts();
  await first.addGuest('web-1', { app: 'web' });
  await second.addGuest('web-2', { app: 'web' });
  await applyFile(join(import.meta.dirname, 'volume-snapshot-crd.yaml'));
  await mkdir(folder('bin'), { recursive: true });
});

/** Runs a script as the examples' images would, and resolves with what it printed. */
async function sh(script: string, args: string[] = [], env: Record<string, string> = {}): Promise<string> {
  return await run('/bin/sh', ['-ec', script, 'sh', ...args], { env: environment(env), timeoutMs: 110_000 });
}

function environment(env: Record<string, string>): Record<string, string> & NodeJS.ProcessEnv {
  const path = [folder('bin'), harnessPaths().controlPlane, process.env['PATH']].join(':');
  return { ...process.env, PATH: path, KUBECONFIG: freezes.kubeconfig(), ...env };
}

/** A STAND-IN for a program of the hypervisor: it notes how it was called, and does no more than `does`. */
async function standIn(name: string, does: string): Promise<void> {
  await writeFile(folder('bin', name), `#!/bin/sh\necho "${name} $1" >> ${folder('calls')}\n${does}\n`);
  await chmod(folder('bin', name), 0o755);
}

interface Example {
  kind: string;
  metadata: { name: string };
  spec: Record<string, unknown>;
}

async function documents(file: string): Promise<Example[]> {
  return parseAllDocuments(await readFile(join(examples, file), 'utf8')).map((each) => each.toJS() as Example);
}

async function newest(prefix: string): Promise<string> {
  const names = await kubectl(
    'get',
    'ffw',
    '-n',
    namespace,
    '--sort-by=.metadata.creationTimestamp',
    '-o',
    'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}',
  );
  return names.split('\n').findLast((name) => name.startsWith(prefix)) as string;
}

describe('a CI job by plain kubectl', () => {
  const script = join(examples, 'freeze-ci/backup.sh');

  it('backs up while the guests are frozen, and ends with 0 only if all went well', async () => {
    const backup = `kubectl get ffw -o jsonpath='{.items[?(@.status.phase=="Frozen")].status.guestsFrozen}' > ${folder('seen')}`;

    await sh('"$@"', [script, '/bin/sh', '-ec', backup], { SELECTOR: 'app=web' });

    expect(await readFile(folder('seen'), 'utf8')).toContain('2/2');
    expect((await over(await newest('backup-'))).status).toMatchObject({ phase: 'Completed', verdict: 'Consistent' });
  });

  it('ends with another status when the backup fails, and lets go', async () => {
    await expect(sh('"$@"', [script, 'false'], { SELECTOR: 'app=web' })).rejects.toMatchObject({ exitCode: 1 });

    expect((await over(await newest('backup-'))).status).toMatchObject({ endedBy: 'Release' });
  });

  it('ends with another status when the backup takes longer than the guests may be frozen', async () => {
    const env = { SELECTOR: 'app=web', MAX_FROZEN_SECONDS: '1' };

    await expect(sh('"$@"', [script, 'sleep', '4'], env)).rejects.toMatchObject({
      stderr: expect.stringContaining('too late') as string,
    });
  });

  it('lets go at once when its job is cancelled', async () => {
    const job = spawn('/bin/sh', [script, 'sleep', '50'], {
      env: environment({ SELECTOR: 'app=web' }),
      stdio: 'ignore',
    });
    const end = once(job, 'exit');
    const name = await eventually(
      async () => {
        const last = await newest('backup-');
        return (await freezes.window(last)).status?.phase === 'Frozen' && last;
      },
      { what: 'a frozen window', timeoutMs: 30_000 },
    );

    job.kill('SIGTERM');

    expect(await end).toEqual([143, null]);
    expect((await over(name)).status).toMatchObject({ endedBy: 'Release' });
  });

  it('ends at once when the guests can not be frozen, and tells why', async () => {
    await freezes.hosts()[0].addGuest('off-1', { app: 'off' }, { off: true });

    await expect(sh('"$@"', [script, 'true'], { SELECTOR: 'app=off' })).rejects.toMatchObject({
      stderr: expect.stringContaining('guest off-1 is shutoff') as string,
    });
  });
});

describe('a host snapshot', () => {
  const image = '/images/web-1.qcow2';
  const copy = () => folder('copy.qcow2');
  const snapshot = () => sh('"$@"', [join(examples, 'freeze-virsh/snapshot.sh'), 'web-1', 'vda', image, copy()]);
  const calls = async () => (await readFile(folder('calls'), 'utf8')).trim().split('\n');
  const table = (source: string) =>
    `[ "$1" != domblklist ] || printf ' Target   Source\\n-----\\n sda      -\\n vda      %s\\n\\n' '${source}'`;

  beforeEach(async () => {
    await writeFile(folder('calls'), '');
    await writeFile(copy(), 'of yesterday');
    await standIn('virsh', table(image));
    await standIn('qemu-img', 'for copy; do :; done; echo of today > "$copy"');
  });

  it('freezes the guest only for the overlay, and copies what is below it', async () => {
    await snapshot();

    expect(await calls()).toEqual([
      'virsh domblklist',
      'virsh snapshot-create-as',
      'qemu-img convert',
      'virsh blockcommit',
    ]);
    expect((await over(await newest('snapshot-web-1-'))).status?.phase).toBe('Completed');
    expect(await readFile(copy(), 'utf8')).toBe('of today\n');
  });

  it('that can’t be copied leaves no overlay and yesterday’s copy, and says so', async () => {
    await standIn('qemu-img', 'for copy; do :; done; echo half > "$copy"; exit 1');

    await expect(snapshot()).rejects.toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('could not be copied') as string,
    });

    expect((await calls()).at(-1)).toBe('virsh blockcommit');
    expect(await readFile(copy(), 'utf8')).toBe('of yesterday');
  });

  it('is not taken of a guest that runs on an overlay already: what lies below it is of another day', async () => {
    await standIn('virsh', table(`${image}.snapshot-web-1`));

    await expect(snapshot()).rejects.toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`vda of web-1 is ${image}.snapshot-web-1`) as string,
    });

    expect(await calls()).toEqual(['virsh domblklist']);
  });
});

it('Tekton’s tasks freeze and thaw', async () => {
  const tasks = await documents('freeze-tekton/tasks.yaml');
  const scriptOf = (name: string) => {
    const task = tasks.find(({ metadata }) => metadata.name === name) as Example;
    const { steps } = task.spec as { steps: { script: string }[] };
    return (steps[0]?.script ?? '')
      .replaceAll('$(params.window)', 'run-1')
      .replaceAll('$(params.app)', 'web')
      .replaceAll('$(params.max-frozen-seconds)', '60');
  };

  await sh(scriptOf('freeze-guests'));
  await sh(scriptOf('thaw-guests'));

  expect((await over('run-1')).status).toMatchObject({ phase: 'Completed', guestsFrozen: '2/2' });
});

it('Velero’s hooks freeze and thaw', async () => {
  const [backup] = await documents('freeze-velero/backup.yaml');
  const { hooks } = (backup as Example).spec as {
    hooks: { resources: Record<'pre' | 'post', { exec: { command: string[] } }[]>[] };
  };
  const scriptOf = (when: 'pre' | 'post') => hooks.resources[0]?.[when][0]?.exec.command.at(-1) ?? '';

  await sh(scriptOf('pre'));
  await sh(scriptOf('post'));

  expect((await over('velero')).status?.phase).toBe('Completed');
});

it('Argo CD’s hooks hold the guests through a sync', async () => {
  const [, thaw] = await documents('freeze-argocd/hold-through-sync.yaml');
  const { containers } = ((thaw as Example).spec['template'] as { spec: { containers: { args: string[] }[] } }).spec;
  await kubectl('create', '-f', join(examples, 'freeze-argocd/hold-through-sync.yaml'));
  await freezes.until('during-sync', ({ status }) => status?.phase === 'Frozen');

  await sh(containers[0]?.args[0] ?? '');

  expect((await over('during-sync')).status?.phase).toBe('Completed');
});

it('Flux’s and Argo CD’s windows complete when their snapshots are cut', async () => {
  const snapshotter = startStandInSnapshotter(freezes.cluster(), namespace);
  try {
    await kubectl('create', '-f', join(examples, 'freeze-argocd/hooks.yaml'));
    const file = join(examples, 'freeze-flux/freeze/window.yaml');
    await kubectl('create', '-f', file);

    expect((await over('before-v42')).status, relative(examples, file)).toMatchObject({
      phase: 'Completed',
      verdict: 'Consistent',
    });
    expect((await over(await newest('before-sync-'))).status).toMatchObject({ phase: 'Completed' });
  } finally {
    await snapshotter.end();
  }
});
