import { isOverPhase } from '../../../src/api/tasks.ts';
import { sharedCluster } from '../../harness/fixtures.ts';
import { ordinaryUser } from '../../harness/password-opens.ts';
import { namespace } from '../operator-fixture.ts';
import type { TaskAction } from '../task-fixture.ts';
import { type Bench, short, type Trial, tryCommand } from './trial.ts';

const readOnly = [
  'guest-info',
  'guest-ping',
  'guest-get-cpustats',
  'guest-get-devices',
  'guest-get-disks',
  'guest-get-diskstats',
  'guest-get-fsinfo',
  'guest-get-host-name',
  'guest-get-load',
  'guest-get-memory-block-info',
  'guest-get-osinfo',
  'guest-get-time',
  'guest-get-timezone',
  'guest-get-users',
  'guest-get-vcpus',
  'guest-network-get-interfaces',
  'guest-network-get-route',
];

/** Under emulation, on a machine that has other work, too. */
const scriptMs = 120_000;

const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Tries every command in one guest, each by a task; the guest is off in the end. */
export async function tryAll(bench: Bench): Promise<Trial[]> {
  for (const command of readOnly) await tryCommand(bench, command);
  await tryCommand(bench, 'guest-sync', { id: '9007199254740993' });
  await tryCommand(bench, 'guest-sync-delimited', { id: '9007199254740993' });
  await tryFiles(bench);
  await tryExec(bench);
  await tryMachine(bench);
  await tryAccounts(bench);
  await tryFreeze(bench);
  await trySuspend(bench);
  await tryCommand(bench, 'guest-shutdown', { mode: 'powerdown' });
  return bench.trials;
}

async function tryFiles(bench: Bench): Promise<void> {
  const open = await tryCommand(bench, 'guest-file-open', { path: '/tmp/conformance', mode: 'w+' });
  const handle = open?.reply as number;
  await tryCommand(bench, 'guest-file-write', { handle, 'buf-b64': base64('hello') });
  await tryCommand(bench, 'guest-file-flush', { handle });
  await tryCommand(bench, 'guest-file-seek', { handle, offset: 1, whence: 'set' });
  await tryCommand(bench, 'guest-file-read', { handle, count: 2 });
  await tryCommand(bench, 'guest-file-close', { handle });
}

async function tryExec(bench: Bench): Promise<void> {
  const exec = await tryCommand(bench, 'guest-exec', { path: '/bin/echo', arg: ['hello'], 'capture-output': true });
  const pid = (exec?.reply as { pid: number } | undefined)?.pid;
  await tryCommand(bench, 'guest-exec-status', { pid });
}

async function tryMachine(bench: Bench): Promise<void> {
  await tryCommand(bench, 'guest-set-time');
  await tryCommand(bench, 'guest-fstrim', { minimum: 0 });
  const vcpus = await bench.guest.agent('guest-get-vcpus');
  const last = (vcpus as { 'logical-id': number }[]).length - 1;
  await tryCommand(bench, 'guest-set-vcpus', { vcpus: [{ 'logical-id': last, online: last === 0 }] });
  if (last > 0) await bench.guest.agent('guest-set-vcpus', { vcpus: [{ 'logical-id': last, online: true }] });
  const blocks = await tryCommand(bench, 'guest-get-memory-blocks');
  // Not every block that says so can be taken offline: one that can, as the harness sees to, or one that is online anyway.
  const found = (blocks?.reply ?? []) as { 'phys-index': number; 'can-offline': boolean }[];
  const spare = found.length > 2;
  const block = { 'phys-index': spare ? 2 : 0, online: !spare };
  await tryCommand(bench, 'guest-set-memory-blocks', { 'mem-blks': [block] });
  if (spare) await bench.guest.agent('guest-set-memory-blocks', { 'mem-blks': [{ ...block, online: true }] });
}

async function tryAccounts(bench: Bench): Promise<void> {
  const username = ordinaryUser.name;
  const keys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIConformance test'];
  await tryCommand(bench, 'guest-ssh-add-authorized-keys', { username, keys });
  await tryCommand(bench, 'guest-ssh-get-authorized-keys', { username });
  await tryCommand(bench, 'guest-ssh-remove-authorized-keys', { username, keys });

  const shadow = async () => (await bench.guest.sh(`grep ^${username}: /etc/shadow`, scriptMs)).stdout;
  const before = await shadow();
  const password = `of-${bench.guest.name}`;
  const args = { username, password: base64(password), crypted: false };
  const secret = { name: `conformance-${bench.guest.name}`, key: 'arguments' };
  const literal = `--from-literal=${secret.key}=${JSON.stringify(args)}`;
  await sharedCluster().kubectl('create', 'secret', 'generic', secret.name, '-n', namespace, literal);
  const more = { argumentsFrom: { secretKeyRef: secret } };
  await tryCommand(bench, 'guest-set-user-password', undefined, more);
  if ((await shadow()) === before) throw new Error('the password was not set');
}

/** Freezes by the action that also thaws them; what a frozen guest takes, by commands. */
async function tryFreeze(bench: Bench): Promise<void> {
  const { guest } = bench;
  const fsinfo = (await guest.agent('guest-get-fsinfo')) as { mountpoint: string }[];
  const mountpoints = fsinfo.map(({ mountpoint }) => mountpoint);
  await tryFreezing(bench, 'guest-fsfreeze-freeze', {});
  await tryFreezing(bench, 'guest-fsfreeze-freeze-list', { mountpoints });
  await guest.agent('guest-fsfreeze-freeze');
  await tryCommand(bench, 'guest-fsfreeze-status');
  await tryCommand(bench, 'guest-fsfreeze-thaw');
}

async function tryFreezing(
  { guest, tasks, trials }: Bench,
  command: string,
  freeze: TaskAction['freeze'] & {},
): Promise<void> {
  const name = await tasks.create(guest.name, { freeze });
  const { phase, reason, message } = await tasks.until(
    name,
    (status) => status.phase === 'Held' || isOverPhase(status.phase),
    240_000,
  );
  if (phase !== 'Held') throw new Error(`${command} in ${guest.name}: ${reason}: ${message}`);
  await tasks.release(name);
  const { freeze: result } = await tasks.ended(name);
  const { frozen = 0 } = result?.filesystems ?? {};
  trials.push({ command, sent: short(freeze), came: String(frozen), verdict: frozen > 0 ? 'works' : 'refused' });
}

async function trySuspend(bench: Bench): Promise<void> {
  await tryCommand(bench, 'guest-suspend-ram', undefined, { wakeAfterSeconds: 1 });
  await bootAnew(bench);
  await makeSwap(bench);
  await tryCommand(bench, 'guest-suspend-hybrid', undefined, { wakeAfterSeconds: 1 });
  await bootAnew(bench);
  await makeSwap(bench);
  await tryCommand(bench, 'guest-suspend-disk');
  await bootAnew(bench);
}

/** A guest that was woken once wakes at once, by itself, until it has booted again (C44). */
async function bootAnew({ guest }: Bench): Promise<void> {
  if ((await guest.state()) !== 'shut off') await guest.destroy();
  await guest.start();
  await guest.waitForAgent();
}

/** Where the memory goes when a guest is suspended to its disk. */
async function makeSwap({ guest, dataDisk }: Bench): Promise<void> {
  const disk = `/dev/${dataDisk}`;
  const script = `umount ${disk}; mkswap ${disk} && swapon ${disk} && cat /sys/class/block/${dataDisk}/dev >/sys/power/resume`;
  const { exitCode, stderr } = await guest.sh(script, scriptMs);
  if (exitCode !== 0) throw new Error(`${guest.name} has no swap: ${stderr}`);
}
