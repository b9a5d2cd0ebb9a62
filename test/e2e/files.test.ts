import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { useTasks } from './task-fixture.ts';

const operator = useOperator('file-node');
const tasks = useTasks('file');
let guest: TestGuest;
beforeAll(async () => {
  guest = await sharedGuest('web-1');
  await guest.sh('mkdir -p /tmp/ro; mount -t tmpfs -o ro none /tmp/ro');
});

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const inGuest = async (script: string) => (await guest.sh(script)).stdout.trim();
/** What the guest's agent holds open of the guest's files. */
const heldOpen = () =>
  inGuest("for f in /proc/$(pidof qemu-ga)/fd/*; do readlink $f; done | grep -E '^/(data|tmp|etc|proc)/'");
/** What writes left beside their places. */
const temporaries = () => inGuest("find /data /tmp /etc /root -name '.qga-*'");

afterEach(async () => {
  await guest.waitForAgent();
  expect(await temporaries()).toBe('');
});

describe('reading a file', () => {
  it('tells what is in it, how long it is, and its checksum', async () => {
    await guest.sh("printf 'Grüße\\n' >/tmp/greeting");

    expect(await tasks.run('web-1', { readFile: { path: '/tmp/greeting' } })).toMatchObject({
      phase: 'Succeeded',
      readFile: { content: 'Grüße\n', offset: 0, bytes: 8, size: 8, eof: true, sha256: sha256('Grüße\n') },
    });
  });

  it('reads a great file in parts, which say where to go on', async () => {
    await guest.sh('head -c 1500000 /dev/urandom >/tmp/great');
    const parts: Buffer[] = [];
    for (let offset = 0, eof = false; !eof; ) {
      const { readFile, message } = await tasks.run('web-1', {
        readFile: { path: '/tmp/great', offset, maxBytes: 786_432 },
      });
      const part = Buffer.from(readFile?.contentBase64 ?? '', 'base64');
      parts.push(part);
      offset += part.length;
      eof = readFile?.eof ?? true;
      expect(readFile).toMatchObject({ bytes: part.length, size: 1_500_000, sha256: sha256(part) });
      if (!eof) expect(message).toBe(`more follows: read on with offset ${offset}`);
    }

    expect(parts.map(({ length }) => length)).toEqual([786_432, 713_568]);
    expect(sha256(Buffer.concat(parts))).toBe((await inGuest('sha256sum /tmp/great')).slice(0, 64));
    await guest.sh('rm /tmp/great');
  });

  it('reads what the kernel makes up, and nothing beyond the end', async () => {
    const version = await tasks.run('web-1', { readFile: { path: '/proc/version' } });
    expect(version.readFile).toMatchObject({ eof: true, content: expect.stringContaining('Linux') });

    expect(await tasks.run('web-1', { readFile: { path: '/etc/hostname', offset: 4096 } })).toMatchObject({
      phase: 'Succeeded',
      readFile: { content: '', bytes: 0, eof: true },
    });
  });

  it.each([
    ['/tmp/nothing', 'FileNotFound', 'guest web-1 has no file /tmp/nothing'],
    ['/etc', 'IsDirectory', '/etc is a directory of guest web-1'],
  ])('says of %s that it is %s', async (path, reason, message) => {
    expect(await tasks.run('web-1', { readFile: { path } })).toMatchObject({ phase: 'Failed', reason, message });
  });
});

describe('writing a file', () => {
  it('makes a new one with the mode and the owner that it is to have', async () => {
    const writeFile = { path: '/data/motd', content: 'Hello\n', mode: '0640', owner: 'app:app' };

    expect(await tasks.run('web-1', { writeFile })).toMatchObject({
      phase: 'Succeeded',
      writeFile: { bytes: 6, sha256: sha256('Hello\n'), atomic: true, created: true, mode: '640', owner: '1000:1000' },
    });
    expect(await inGuest('stat -c "%a %U:%G" /data/motd; cat /data/motd')).toBe('640 app:app\nHello');
  });

  it('replaces one and lets it keep its mode and its owner', async () => {
    await guest.sh('echo old >/data/kept; chmod 600 /data/kept; chown app /data/kept; ln -s kept /data/link');

    expect(await tasks.run('web-1', { writeFile: { path: '/data/link', content: 'new' } })).toMatchObject({
      phase: 'Succeeded',
      writeFile: { created: false, mode: '600', owner: '1000:0' },
    });
    expect(await inGuest('readlink /data/link; cat /data/kept')).toBe('kept\nnew');
  });

  it('writes bytes of every value and paths of every character', async () => {
    const bytes = Buffer.concat([Buffer.from([...Array(256).keys()]), randomBytes(700_000)]);
    const path = '/data/it\'s a $HOME "file"; *\n';

    const { phase } = await tasks.run('web-1', { writeFile: { path, contentBase64: bytes.toString('base64') } });

    expect(phase).toBe('Succeeded');
    expect((await inGuest('cat /data/it* | sha256sum')).slice(0, 64)).toBe(sha256(bytes));
    await guest.sh('rm /data/it*');
  });

  it('takes it from a Secret, which is seen nowhere else', async () => {
    const literals = ['--from-literal=token=s3cr3t-of-the-file', '-n', namespace];
    await sharedCluster().kubectl('create', 'secret', 'generic', 'file-token', ...literals);
    const contentFrom = { secretKeyRef: { name: 'file-token', key: 'token' } };
    const name = await tasks.create('web-1', { writeFile: { path: '/data/token', contentFrom, mode: '0600' } });

    expect((await tasks.ended(name)).phase).toBe('Succeeded');

    expect(await inGuest('stat -c %a /data/token; cat /data/token')).toBe('600\ns3cr3t-of-the-file');
    expect(JSON.stringify(await tasks.task(name))).not.toContain('s3cr3t');
    expect(JSON.stringify([...operator.agent().logs(), ...operator.manager().logs()])).not.toContain('s3cr3t');
  });

  it.each([
    ['a directory', '/etc', 'IsDirectory'],
    ['nowhere', '/data/no/such/file', 'ParentNotFound'],
    ['what can only be read', '/tmp/ro/x', 'NotCreated'],
    ['what takes no files', '/proc/x', 'NotCreated'],
  ])('refuses to write to %s', async (_, path, reason) => {
    expect(await tasks.run('web-1', { writeFile: { path, content: 'x' } })).toMatchObject({
      phase: 'Failed',
      reason,
      message: expect.stringContaining('nothing was changed'),
    });
  });

  it('tells of an owner that the guest does not know, and leaves the old file as it was', async () => {
    await guest.sh('echo old >/data/owned');
    const writeFile = { path: '/data/owned', content: 'new', owner: 'nobody-here' };

    expect(await tasks.run('web-1', { writeFile })).toMatchObject({ phase: 'Failed', reason: 'OwnerRefused' });
    expect(await inGuest('cat /data/owned')).toBe('old');
  });

  it('tells of a full disk, and leaves the old file as it was', async () => {
    await guest.sh('echo old >/data/precious; dd if=/dev/zero of=/data/fill bs=64k 2>/dev/null; sync');
    const contentBase64 = randomBytes(700_000).toString('base64');

    expect(await tasks.run('web-1', { writeFile: { path: '/data/precious', contentBase64 } })).toMatchObject({
      phase: 'Failed',
      reason: 'NoSpace',
    });
    expect(await inGuest('cat /data/precious')).toBe('old');
    await guest.sh('rm /data/fill');
  });

  it('never shows half of a file to who looks while it is written', async () => {
    await guest.sh('head -c 700000 /dev/zero >/data/whole');
    const watcher = `(while [ -e /data/whole ]; do wc -c </data/whole; done | sort -u >/tmp/sizes) >/dev/null 2>&1 &`;
    await guest.sh(watcher);

    for (let turn = 0; turn < 3; turn++) {
      const contentBase64 = randomBytes(700_000).toString('base64');
      expect((await tasks.run('web-1', { writeFile: { path: '/data/whole', contentBase64 } })).phase).toBe('Succeeded');
    }

    expect(await inGuest('rm /data/whole; sleep 1; grep -v "can.t open" /tmp/sizes')).toBe('700000');
  });
});

describe('what is left open in a guest', () => {
  /** Waits until the agent's journal has a line of the task that `note` matches. */
  async function untilNoted(uid: string, note: RegExp): Promise<void> {
    const noted = (line: string) => line.includes(uid) && note.test(line);
    while (!operator.journal().split('\n').some(noted)) await delay(1);
  }

  /** An agent that has just started may be reading the boot id: that is open for a moment. */
  async function untilNothingIsOpen(): Promise<void> {
    let open = '';
    const hint = () => open;
    await eventually(async () => (open = await heldOpen()) === '', {
      what: 'every file to be closed',
      timeoutMs: 10_000,
      hint,
    });
  }

  const uidOf = async (name: string) => (await tasks.task(name)).metadata.uid as string;

  it.each([
    ['read', { readFile: { path: '/tmp/zeros', maxBytes: 700_000 } }],
    ['write', { writeFile: { path: '/data/zeros', contentBase64: Buffer.alloc(700_000).toString('base64') } }],
  ])('is closed by the next life of the agent that was killed in the midst of a %s', async (_, action) => {
    await guest.sh('head -c 700000 /dev/zero >/tmp/zeros');
    const name = await tasks.create('web-1', action);

    await untilNoted(await uidOf(name), /"handle":/);
    await operator.agent().restart();

    expect(await tasks.ended(name)).toMatchObject({ phase: 'Succeeded' });
    await untilNothingIsOpen();
    await guest.sh('rm -f /data/zeros');
  });

  it('is closed though the task was deleted while no agent looked', async () => {
    const contentBase64 = Buffer.alloc(700_000).toString('base64');
    const name = await tasks.create('web-1', { writeFile: { path: '/data/zeros', contentBase64 } });
    const uid = await uidOf(name);
    await untilNoted(uid, /"handle":/);
    await operator.agent().kill();
    await tasks.remove(name);

    await operator.agent().restart();

    await untilNoted(uid, /"entry":null/);
    await untilNothingIsOpen();
  });
});

describe.each([0, 40, 80, 120, 170, 230, 300, 400])('the agent killed %i ms after a file was to be written', (ms) => {
  it('writes it, and never again over what somebody wrote since', async () => {
    const path = `/data/kill-${ms}`;
    const contentBase64 = randomBytes(300_000).toString('base64');
    const name = await tasks.create('web-1', { writeFile: { path, contentBase64 } });
    // Somebody who changes the file as soon as it is there, and then says so.
    await guest.sh(
      `(until [ -e ${path} ]; do sleep 0.02; done; echo mine >${path}; touch /tmp/changed-${ms}) >/dev/null 2>&1 &`,
    );
    await delay(ms);

    await operator.agent().restart();

    const { phase, reason } = await tasks.ended(name);
    // Where it can't be told any more that it was written, the task says so.
    expect(['Succeeded Completed', 'Unknown OutcomeUnknown']).toContain(`${phase} ${reason}`);
    await guest.sh(`until [ -e /tmp/changed-${ms} ]; do sleep 0.05; done; sleep 1`);
    expect(await inGuest(`cat ${path}`)).toBe('mine');
    await guest.sh(`rm ${path}`);
  });
});

it('reads again after the agent in the guest lost its handle', async () => {
  await guest.sh('head -c 700000 /dev/zero >/tmp/zeros');
  const name = await tasks.create('web-1', { readFile: { path: '/tmp/zeros', maxBytes: 700_000 } });
  await guest.killAgent();

  expect(await tasks.ended(name)).toMatchObject({ phase: 'Succeeded', readFile: { bytes: 700_000 } });
});

describe('a guest that lets nobody run a shell', () => {
  beforeAll(async () => {
    const spare = await sharedHypervisor().defineGuest({
      name: 'noexec-1',
      namespace,
      agentArgs: ['-b', 'guest-exec'],
    });
    await spare.waitForAgent();
    return () => spare.undefine();
  });
  const written = (writeFile: object) => tasks.run('noexec-1', { writeFile: { path: '/tmp/x', ...writeFile } });

  it('has its files written in place, and the result says so', async () => {
    expect(await written({ content: 'x' })).toMatchObject({
      phase: 'Succeeded',
      writeFile: { atomic: false, bytes: 1, sha256: sha256('x') },
    });
    expect(await tasks.run('noexec-1', { readFile: { path: '/tmp/x' } })).toMatchObject({ readFile: { content: 'x' } });
  });

  it('takes neither modes nor Secrets, and gives the agent’s own words for what can not be read', async () => {
    expect(await written({ content: 'x', mode: '0600' })).toMatchObject({ phase: 'Failed', reason: 'ExecNeeded' });
    const contentFrom = { secretKeyRef: { name: 'file-token', key: 'token' } };
    expect(await written({ contentFrom })).toMatchObject({ phase: 'Failed', reason: 'ExecNeeded' });
    expect(await tasks.run('noexec-1', { readFile: { path: '/nothing' } })).toMatchObject({
      phase: 'Failed',
      reason: 'Refused',
      message: expect.stringContaining('No such file'),
    });
  });
});
