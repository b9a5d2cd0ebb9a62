import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { FsFreezeWindow } from '../../src/api/resources.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { harnessPaths } from '../harness/paths.ts';
import { startPostgres } from '../harness/postgres.ts';
import { CommandError, run } from '../harness/run.ts';
import { repository } from '../harness/vitest/shared.ts';
import { namespace, useOperator } from './operator-fixture.ts';

const startTimeoutMs = 600_000;
const examples = join(repository, 'examples');
const note = 'written before the copy\n';
const folder = testFolder();
useOperator('postgres-node');
const { apply, get, kubectl, kubeconfig } = sharedCluster();

/** A copy of the disk of a guest whose database is busy. */
interface Copy {
  /** Raw. */
  image: string;
  /** Rows that the database had said to be committed before the copy was cut. */
  acknowledged: number;
}

let source: TestGuest;
/** Boots from the copy that was made within the window; the other one is its second disk. */
let restored: TestGuest;
let within: Copy;
let without: Copy;
let window: FsFreezeWindow;

beforeAll(async () => {
  // A template of its own: nothing here can spoil the one that other guests start from.
  await run('cp', ['--sparse=always', join(harnessPaths().guestImage('debian12'), 'root.img'), folder('template.raw')]);
  source = await sharedHypervisor().defineGuest({
    name: 'postgres-1',
    flavour: 'debian12',
    namespace,
    vcpus: 2,
    rootImage: folder('template.raw'),
  });
  await source.waitForAgent();
  await kubectl('wait', '--for=create', 'guest/postgres-1', '-n', namespace, '--timeout=60s');
  await kubectl('wait', 'guest/postgres-1', '-n', namespace, '--for=condition=AgentConnected', '--timeout=60s');
  // However slow this machine is, the kernel writes nothing back by itself: what is not synced is not on the disk.
  await source.sh('cd /proc/sys/vm && echo 0 >dirty_writeback_centisecs && echo 360000 >dirty_expire_centisecs');
  const { sql } = await startPostgres(source);
  await sql('create table ledger (entry integer primary key)');
  await startWriter();

  without = await copyOf('without');
  const name = 'before-postgres-backup';
  within = await copyOf('within', async () => {
    await applyExample(name);
    await kubectl('wait', `ffw/${name}`, '-n', namespace, '--for=condition=Frozen', '--timeout=100s');
  });
  await kubectl('patch', 'ffw', name, '-n', namespace, '--type=merge', '-p', '{"spec":{"release":true}}');
  await kubectl('wait', `ffw/${name}`, '-n', namespace, '--for=condition=Completed', '--timeout=60s');
  window = await get<FsFreezeWindow>('ffw', name, namespace);

  restored = await sharedHypervisor().defineGuest({
    name: 'postgres-1-restored',
    flavour: 'debian12',
    vcpus: 2,
    rootImage: within.image,
    disk: true,
    diskImage: without.image,
  });
  await restored.waitForAgent();
}, startTimeoutMs);
afterAll(async () => {
  await restored?.undefine();
  await source?.undefine();
});

/** Commits row after row, and notes outside of the disk which ones the database acknowledged. */
async function startWriter(): Promise<void> {
  const statements = 'seq 1 1000000 | sed "s/.*/insert into ledger values (&) returning entry;/"';
  await source.sh(`(${statements} | setsid su postgres -c 'psql -X -q -A -t' >/run/acknowledged 2>&1 &) </dev/null`);
  await eventually(async () => (await acknowledged()) > 20, { what: 'rows to be committed', timeoutMs: 60_000 });
}

async function acknowledged(): Promise<number> {
  const { stdout } = await source.sh('tail -n 1 /run/acknowledged');
  return Number(stdout);
}

/** A copy of the disk as it is at one instant after `prepare`; shortly before that a file was written. */
async function copyOf(name: string, prepare = async (): Promise<void> => {}): Promise<Copy> {
  await source.sh(`echo 'written before the copy' >/var/lib/postgresql/note-${name}`);
  await prepare();
  const rows = await acknowledged();
  const disk = await diskOf(source);
  const what = ['--disk-only', '--atomic', '--no-metadata', '--diskspec', `vda,file=${disk}.${name}`];
  await sharedHypervisor().virsh(['snapshot-create-as', source.name, ...what]);
  await run('qemu-img', ['convert', '-U', '-O', 'raw', disk, folder(`${name}.raw`)]);
  return { image: folder(`${name}.raw`), acknowledged: rows };
}

/** The image that the guest writes to now. */
async function diskOf({ name }: TestGuest): Promise<string> {
  const disks = await sharedHypervisor().virsh(['domblklist', name]);
  return /vda\s+(\S+)/.exec(disks)?.[1] ?? '';
}

/** The example as people copy it, for this guest. */
async function applyExample(name: string): Promise<void> {
  const example = parse(await readFile(join(examples, 'freeze-postgres.yaml'), 'utf8'));
  await apply({
    ...example,
    metadata: { name, namespace },
    spec: { ...example.spec, target: { guestName: 'postgres-1' } },
  });
}

describe('a copy of a busy database that was made within a window', () => {
  it('is of a guest that was proven to stand still, its database having made a checkpoint before', async () => {
    expect(window.status).toMatchObject({ phase: 'Completed', verdict: 'Consistent', endedBy: 'Release' });
    const { stdout } = await restored.sh('cat /var/log/postgresql/*.log');
    expect(stdout).toMatch(/checkpoint starting: immediate force wait.*checkpoint complete/s);
  });

  it('needs no repair, not even by its own journal', async () => {
    expect(await needsRecovery(within)).toBe(false);
    expect(await check(within)).toMatchObject({ exitCode: 0 });
    expect((await restored.sh('dmesg')).stdout).not.toContain('EXT4-fs (vda): recovery complete');
  });

  it('holds every row that was committed', async () => {
    const { sql } = await startPostgres(restored);

    const [rows, last] = (await sql('select count(*), max(entry) from ledger')).split('|').map(Number);

    expect(last).toBeGreaterThanOrEqual(within.acknowledged);
    expect(rows).toBe(last);
  });

  it('holds what was written and not synced', async () => {
    expect((await restored.sh('cat /var/lib/postgresql/note-within')).stdout).toBe(note);
  });
});

describe('a copy that was made without one', () => {
  it('is no filesystem that can be trusted before its journal was replayed', async () => {
    expect(await needsRecovery(without)).toBe(true);
    // How much is wrong until then differs from copy to copy.
    expect((await check(without)).said).toContain('skipping journal recovery');
    expect((await restored.sh('dmesg')).stdout).toContain('EXT4-fs (vdb): recovery complete');
  });

  it('lacks what was written and not synced', async () => {
    expect((await restored.sh('cat /data/var/lib/postgresql/note-without')).stdout).toBe('');
    // It was written: the later copy has it.
    expect((await restored.sh('cat /var/lib/postgresql/note-without')).stdout).toBe(note);
  });
});

it('the example for a hypervisor makes a copy that needs no repair, by the real virsh and qemu-img', async () => {
  const env = {
    PATH: `${harnessPaths().controlPlane}:${process.env['PATH']}`,
    KUBECONFIG: kubeconfig,
    NAMESPACE: namespace,
    LIBVIRT_DEFAULT_URI: sharedHypervisor().uri,
  };
  const copy = folder('example.qcow2');
  const image = await diskOf(source);
  const { mtimeMs: template } = await stat(folder('template.raw'));

  await run(join(examples, 'freeze-virsh/snapshot.sh'), ['postgres-1', 'vda', image, copy], {
    env,
    timeoutMs: 110_000,
  });

  await run('qemu-img', ['convert', '-O', 'raw', copy, folder('example.raw')]);
  expect(await check({ image: folder('example.raw') })).toMatchObject({ exitCode: 0 });
  // The guest is back on its image, and what lies below that is as it was: other guests may start from it.
  expect(await diskOf(source)).toBe(image);
  expect((await stat(folder('template.raw'))).mtimeMs).toBe(template);
  const before = await acknowledged();
  await eventually(async () => (await acknowledged()) > before, { what: 'rows to be committed', timeoutMs: 30_000 });
});

async function needsRecovery({ image }: Pick<Copy, 'image'>): Promise<boolean> {
  return (await run('dumpe2fs', ['-h', image])).includes('needs_recovery');
}

/** What fsck says of the copy as it is; 0 and 4 are "clean" and "errors left uncorrected". */
async function check({ image }: Pick<Copy, 'image'>): Promise<{ exitCode: number | null; said: string }> {
  try {
    return { exitCode: 0, said: await run('e2fsck', ['-f', '-n', image]) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { exitCode: error.exitCode, said: `${error.stdout}${error.stderr}` };
  }
}
