import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePorts } from '../harness/control-plane/ports.ts';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, testFolder } from '../harness/fixtures.ts';
import { type OperatorProcess, startAgent, startManager } from '../harness/operator.ts';

const program = join(import.meta.dirname, '../../src/main.ts');
const folder = testFolder();
const { kubeconfig } = sharedCluster();
const running: OperatorProcess[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.kill()));
});

/** An agent whose libvirt is not there. */
async function lonelyAgent(options: { stateDir?: string; nodeName?: string } = {}): Promise<OperatorProcess> {
  const { nodeName = 'lonely' } = options;
  const libvirtUri = 'qemu+unix:///system?socket=/nowhere/libvirt-sock';
  const name = `agent-${running.length}`;
  const agent = await startAgent({ kubeconfig, dir: folder(), libvirtUri, ...options, nodeName, name });
  running.push(agent);
  return agent;
}

/** What `/readyz` says once the process knows what it needs. */
async function readyz({ url }: OperatorProcess): Promise<string> {
  return await eventually(
    async () => {
      const text = await (await fetch(`${url}/readyz`)).text();
      return text.includes('[') && text;
    },
    { what: '/readyz', timeoutMs: 15_000 },
  );
}

describe('the command line', () => {
  it.each([
    ['an unknown flag', ['manager', '--no-such-flag']],
    ['an unknown command', ['manger']],
    ['an agent without a node name', ['agent']],
    ['an address that is none', ['manager', '--metrics-address', 'nonsense']],
    ['a log level that is none', ['manager', '--log-level', 'loud']],
  ])('ends with 2 and a sentence at %s', (_, args) => {
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' });

    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: .+\n/);
  });

  it('shows its flags with their environment variables', () => {
    const { status, stdout } = spawnSync(process.execPath, [program, 'agent', '--help'], { encoding: 'utf8' });

    expect(status).toBe(0);
    for (const flag of [
      'kubeconfig',
      'node-name',
      'libvirt-uri',
      'state-dir',
      'default-namespace',
      'metrics-address',
    ]) {
      expect(stdout).toContain(`--${flag}`);
      expect(stdout).toContain(`QGA_${flag.toUpperCase().replace('-', '_')}`);
    }
  });

  it('ends with 1 and a sentence when the kubeconfig is not there', () => {
    const args = [program, 'manager', '--metrics-address', '0', '--kubeconfig', '/nowhere/config'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 10_000 });

    expect(status).toBe(1);
    expect(stdout).toContain('/nowhere/config');
  });
});

describe('a process whose world is not complete', () => {
  it('says in /readyz that libvirt is missing, lives, and tells it in the GuestHost', async () => {
    const agent = await lonelyAgent();

    await expect.poll(() => readyz(agent), { timeout: 15_000 }).toMatch(/^\[-\]libvirt .*\/nowhere\/libvirt-sock/m);
    expect((await fetch(`${agent.url}/healthz`)).status).toBe(200);
    const ready = async () =>
      (
        await sharedCluster().kubectl(
          'get',
          'guesthost',
          'lonely',
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Ready")].reason}',
        )
      ).trim();
    await expect.poll(() => ready().catch(() => ''), { timeout: 15_000 }).toBe('LibvirtNotConnected');
  });

  it('says in /readyz that the API server is missing, and becomes ready when it comes', async () => {
    const [port] = await freePorts(1);
    const elsewhere = join(folder(), 'elsewhere.kubeconfig');
    const text = await readFile(kubeconfig, 'utf8');
    await writeFile(elsewhere, text.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${port}`));
    const manager = await startManager({ kubeconfig: elsewhere, dir: folder(), name: 'astray' });
    running.push(manager);

    await expect
      .poll(() => readyz(manager), { timeout: 15_000 })
      .toMatch(/^\[-\]caches .*is the API server reachable/m);

    const realPort = Number(/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
    const bridge = createServer((socket) => {
      const upstream = connect(realPort, '127.0.0.1');
      socket.pipe(upstream).pipe(socket);
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    }).listen(port, '127.0.0.1');
    await manager.waitReady(40_000);
    bridge.close();
  });
});

it('stops within five seconds of SIGTERM', async () => {
  const manager = await startManager({ kubeconfig, dir: folder(), name: 'stopped' });
  running.push(manager);
  const agent = await lonelyAgent({ nodeName: 'stopped' });
  await manager.waitReady();
  await readyz(agent);

  for (const each of [manager, agent]) {
    const before = performance.now();
    await each.kill('SIGTERM');
    expect(performance.now() - before).toBeLessThan(5000);
    expect(each.outcome()).toBe('exit code 0');
  }
});

it('writes its log as one JSON object a line', async () => {
  const agent = await lonelyAgent({ nodeName: 'logging' });
  await readyz(agent);

  const lines = agent.logs();
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines)
    expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String), msg: expect.any(String) });
});

it('refuses a second agent on the same state directory', async () => {
  const stateDir = join(folder(), 'state');
  const first = await lonelyAgent({ stateDir, nodeName: 'twice' });
  await readyz(first);

  const second = await lonelyAgent({ stateDir, nodeName: 'twice' });

  await expect.poll(() => second.running(), { timeout: 15_000 }).toBe(false);
  expect(second.outcome()).toBe('exit code 1');
  expect(JSON.stringify(second.logs())).toContain('another agent is running with the state directory');
});

it('makes a second agent of the same node wait while the first lives', async () => {
  const first = await lonelyAgent({ nodeName: 'rivals', stateDir: join(folder(), 'rival-1') });
  await expect.poll(() => readyz(first), { timeout: 15_000 }).toContain('[+]lease ok');

  const second = await lonelyAgent({ nodeName: 'rivals', stateDir: join(folder(), 'rival-2') });

  await expect
    .poll(() => JSON.stringify(second.logs()), { timeout: 15_000 })
    .toContain('another agent speaks for this node');
  expect(await readyz(second)).toContain('[-]lease');
});
