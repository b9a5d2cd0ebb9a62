import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { apiVersion, type FsFreezeWindow, type GuestHost, thawFinalizer } from '../../../src/api/resources.ts';
import { repository } from '../../harness/vitest/shared.ts';
import { useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes();
const { namespace, create, until, over, kubectl, get } = freezes;

beforeAll(async () => {
  const [first, second] = freezes.hosts();
  for (const name of ['web-1', 'web-2']) await first.addGuest(name, { app: 'web' });
  await second.addGuest('db-1', { app: 'db' });
});

async function releaseAll(...args: string[]): Promise<{ exitCode: number | null; said: string }> {
  const program = [join(repository, 'src/main.ts'), 'release-all', `--kubeconfig=${freezes.kubeconfig()}`, ...args];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 50_000 });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(child, 'close');
  return { exitCode: child.exitCode, said };
}

const isFrozen = ({ status }: FsFreezeWindow) => status?.phase === 'Frozen';

async function frozen(spec: object): Promise<string> {
  const name = await create({ maxFrozenSeconds: 300, ...spec });
  await until(name, isFrozen);
  return name;
}

async function finalizersOf(name: string): Promise<string[]> {
  return (await freezes.window(name)).metadata.finalizers ?? [];
}

describe('before the operator goes', () => {
  it('every freeze is let go, be it a window’s or a person’s, and no finalizer is left', async () => {
    const group = await frozen({ target: { selector: { matchLabels: { app: 'web' } } } });
    const waiting = await create({ target: { guestName: 'web-1' }, startingDeadlineSeconds: 300 });
    await until(waiting, ({ status }) => status?.phase === 'Pending');
    const db = await get<{ status: { domain: { uuid: string } } }>('guest', 'db-1', namespace);
    const spec = { guestName: 'db-1', guestUID: db.status.domain.uuid, nodeName: 'hv2', action: { freeze: {} } };
    await freezes.apply({ apiVersion, kind: 'GuestTask', metadata: { name: 'by-hand', namespace }, spec });
    await kubectl('wait', 'gtask/by-hand', '-n', namespace, '--for=jsonpath={.status.phase}=Held', '--timeout=20s');

    const { exitCode } = await releaseAll();

    expect(exitCode).toBe(0);
    expect((await freezes.window(group)).status).toMatchObject({ phase: 'Completed', verdict: 'Consistent' });
    expect((await over(waiting)).status).toMatchObject({ phase: 'Failed', failureReason: 'Released' });
    expect(await get('gtask', 'by-hand', namespace)).toMatchObject({ status: { phase: 'Succeeded' } });
    for (const name of [group, waiting]) expect(await finalizersOf(name)).not.toContain(thawFinalizer);
  });

  it('schedules stay as they are, for the next operator', async () => {
    const name = await create({ target: { guestName: 'web-1' }, schedule: '0 0 1 1 *' });
    const before = await until(name, ({ status }) => status?.phase === 'Scheduled');

    expect((await releaseAll()).exitCode).toBe(0);

    expect((await freezes.window(name)).spec).toEqual(before.spec);
  });

  it('a host that does not thaw in time is told of, and keeps its window', async () => {
    freezes.hosts()[1].behave('db-1', { silentOnceHeld: true });
    const name = await frozen({ target: { guestName: 'db-1' } });

    const { exitCode, said } = await releaseAll('--timeout=2');

    expect(exitCode).toBe(1);
    expect(said).toContain('not known to be thawed: db-1 on host hv2');
    expect(await finalizersOf(name)).toContain(thawFinalizer);
  });

  it('nobody waits for a host that is silent: its windows are freed', async () => {
    const name = await frozenWindowOf('db-1');
    await callSilent('hv2');

    const { exitCode, said } = await releaseAll('--timeout=30');

    expect(exitCode).toBe(0);
    expect(said).toContain('nobody will say whether this guest is thawed');
    expect(await finalizersOf(name)).not.toContain(thawFinalizer);
  });
});

async function frozenWindowOf(guest: string): Promise<string> {
  const list: { items: FsFreezeWindow[] } = JSON.parse(await kubectl('get', 'ffw', '-n', namespace, '-o', 'json'));
  const window = list.items.find(
    ({ spec, metadata }) => spec.target.guestName === guest && metadata.finalizers?.includes(thawFinalizer),
  );
  return window?.metadata.name ?? '';
}

/** As the manager does when its Lease has expired. */
async function callSilent(host: string): Promise<void> {
  const { status } = await get<GuestHost>('guesthost', host);
  const time = new Date().toISOString();
  const silent = { type: 'Ready', status: 'Unknown', reason: 'HostSilent', message: '', lastTransitionTime: time };
  const patch = JSON.stringify({ status: { ...status, conditions: [silent] } });
  await kubectl('patch', 'guesthost', host, '--subresource=status', '--type=merge', '-p', patch);
}

it('once the operator has gone, every window is freed, whatever became of its guests', async () => {
  freezes.hosts()[0].behave('web-1', { silentOnceHeld: true });
  const name = await frozen({ target: { guestName: 'web-1' } });
  await freezes.manager().kill();

  const { exitCode } = await releaseAll('--abandon');

  expect(exitCode).toBe(0);
  expect(await finalizersOf(name)).not.toContain(thawFinalizer);
  await kubectl('delete', 'ffw', name, '-n', namespace, '--timeout=10s');
});

it('there is nothing to do where the kinds are gone already', async () => {
  await kubectl('delete', 'crd', '-l', 'app.kubernetes.io/part-of=qga-operator', '--timeout=30s');

  expect((await releaseAll()).exitCode).toBe(0);
});
