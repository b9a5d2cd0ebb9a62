import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../harness/eventually.ts';
import { sharedCluster, sharedHypervisor, testFolder } from '../harness/fixtures.ts';
import { chart } from '../harness/helm.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { harnessPaths } from '../harness/paths.ts';
import { type Alert, chartRules, type Prometheus, type Rules, startPrometheus } from '../harness/prometheus.ts';
import { run } from '../harness/run.ts';
import { repository } from '../harness/vitest/shared.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { rotationsOn } from './rotation-fixture.ts';

const host = 'observed-node';
const name = 'observed';
const operator = useOperator(host);
const folder = testFolder();
const { apply, kubectl, kubeconfig } = sharedCluster();
const { createRotation, untilRotated } = rotationsOn(sharedCluster());
const target = { guestName: name };
let guest: TestGuest;
let prometheus: Prometheus;

beforeAll(async () => {
  guest = await sharedHypervisor().defineGuest({ name, namespace });
  prometheus = await startPrometheus({
    dir: folder('prometheus'),
    targets: [
      { job: 'manager', url: operator.manager().url },
      { job: 'agent', url: operator.agent().url, labels: { host } },
    ],
    rules: atOnce(await chartRules({ guestFrozenSeconds: 2 })),
  });
  // What happened before the first scrape is no increase.
  await eventually(async () => (await prometheus.query('up == 1')).length === 2, {
    what: 'both programs to be scraped',
    timeoutMs: 30_000,
  });
  await guest.waitForAgent();
  await kubectl('wait', `guest/${name}`, '-n', namespace, '--for=condition=AgentConnected', '--timeout=60s');
});
afterAll(async () => {
  await prometheus?.stop();
  await guest?.undefine();
  await kubectl('delete', 'passwordrotations,fsfreezewindows', '--all', '-n', namespace);
  await kubectl('delete', 'secrets', '-l', 'qga.dev/password-rotation', '-n', namespace);
  await kubectl('delete', 'guest', name, '-n', namespace);
  await kubectl('delete', 'guesthost', host);
});

/** How long an alert waits is promtool's to test. */
function atOnce({ groups }: Rules): Rules {
  return {
    groups: groups.map(({ rules, ...group }) => ({ ...group, rules: rules.map((rule) => ({ ...rule, for: '0s' })) })),
  };
}

function untilAlert(alertname: string, isAsWanted: (alert: Alert | undefined) => boolean, timeoutMs = 40_000) {
  let last: Alert[] = [];
  return eventually(
    async () => {
      last = await prometheus.alerts();
      const found = last.find(({ labels }) => labels['alertname'] === alertname && (labels['host'] ?? host) === host);
      return isAsWanted(found);
    },
    { what: `the alert ${alertname}`, timeoutMs, intervalMs: 250, hint: () => JSON.stringify(last, undefined, 1) },
  );
}
const fires = (alertname: string, timeoutMs?: number) =>
  untilAlert(alertname, (alert) => alert?.state === 'firing', timeoutMs);
const isOver = (alertname: string) => untilAlert(alertname, (alert) => alert === undefined);

/** What the alert's runbook shows to whoever follows it: all it says under "See it". */
async function seenByRunbook(alertname: string): Promise<string> {
  const runbooks = readFileSync(join(repository, 'docs/runbooks.md'), 'utf8');
  const section = runbooks.split(`\n## ${alertname}\n`)[1]?.split('\n## ')[0] ?? '';
  const [, script = ''] = /```sh\n([^]*?)```/.exec(section) ?? [];
  const env = { KUBECONFIG: kubeconfig, PATH: `${harnessPaths().controlPlane}:${process.env['PATH']}` };
  return await run('bash', ['-e'], { input: script.replaceAll('HOST', host), env });
}

async function createWindow(window: string, spec: object = {}): Promise<void> {
  await apply({
    apiVersion: 'qga.dev/v1alpha1',
    kind: 'FsFreezeWindow',
    metadata: { name: window, namespace },
    spec: { target, maxFrozenSeconds: 60, ...spec },
  });
}
const untilFrozen = (window: string) =>
  kubectl('wait', `ffw/${window}`, '-n', namespace, '--for=condition=Frozen', '--timeout=60s');
const release = (window: string) =>
  kubectl('patch', 'ffw', window, '-n', namespace, '--type=merge', '-p', '{"spec":{"release":true}}');

const valueOf = async (expr: string) => (await prometheus.query(expr))[0]?.value;
const becomes = (expr: string, value: number) =>
  eventually(async () => (await valueOf(expr)) === value, { what: `${expr} to be ${value}`, timeoutMs: 20_000 });

it('shows commands, windows and rotations that go well, and no alert', async () => {
  const jobs = ['true', 'false'].map((command) => operator.create({ target, exec: { command: [command] } }));
  await createRotation('observed', { target, username: 'app', interval: '720h' });
  await createWindow('short');
  await Promise.all(jobs.map(async (job) => operator.ended(await job)));
  await untilRotated('observed');
  await untilFrozen('short');
  await release('short');

  await becomes('sum(qga_freeze_windows_ended_total{phase="Completed", verdict="Consistent"})', 1);
  await becomes('sum(qga_tasks_ended_total{action="exec", phase="Succeeded"})', 1);
  await becomes('sum(qga_tasks_ended_total{action="exec", reason="NonZeroExit"})', 1);
  await becomes('sum(qga_password_rotation_guests{state="rotated"})', 1);
  await becomes('sum(qga_tasks)', 0);
  await becomes('qga_longest_frozen_seconds', 0);
  const raised = (await prometheus.alerts()).filter(({ labels }) => labels['host'] === host || !labels['host']);
  expect(raised).toEqual([]);
});

it('tells of a guest that is frozen for too long', async () => {
  await createWindow('long');
  await untilFrozen('long');

  await fires('GuestFrozenTooLong');

  expect(await seenByRunbook('GuestFrozenTooLong')).toMatch(new RegExp(`${name} .*${host} .*True`));
  await release('long');
  await isOver('GuestFrozenTooLong');
});

it('tells of a thaw that is owed', async () => {
  await createWindow('owed');
  await untilFrozen('owed');
  await guest.stopAgent();
  await release('owed');

  await fires('ThawOwed');

  expect(await seenByRunbook('ThawOwed')).toMatch(new RegExp(`${host} .*True .*${name}`));
  await guest.continueAgent();
  await isOver('ThawOwed');
});

it('tells of a broken channel', async () => {
  await kubectl('patch', 'guest', name, '-n', namespace, '--type=merge', '-p', '{"spec":{"channelRepair":"Manual"}}');
  // A byte that libvirt's parser gives up at (C34).
  await guest.agent('guest-sync-delimited', { id: 1 }).catch(() => {});
  await kubectl('annotate', 'guest', name, '-n', namespace, 'qga.dev/refresh=now');

  await fires('AgentChannelBroken');

  expect(await seenByRunbook('AgentChannelBroken')).toMatch(new RegExp(`${name} .*Manual .*False`));
  await kubectl('annotate', 'guest', name, '-n', namespace, 'qga.dev/repair-channel=now');
  await eventually(async () => (await prometheus.query('qga_guests{state="broken"} == 0')).length > 0, {
    what: 'the channel to be mended',
    timeoutMs: 40_000,
  });
});

it('tells of a parked rotation', async () => {
  await createRotation('parked', {
    target,
    username: 'nobody-here',
    secretTemplate: { namePattern: '{guest}-parked' },
  });

  await fires('RotationParked');

  expect(await seenByRunbook('RotationParked')).toMatch(/parked +1 .*UnknownUser/);
  await kubectl('delete', 'passwordrotation', 'parked', '-n', namespace);
  await isOver('RotationParked');
});

it('tells of a window that failed', async () => {
  const failed = 'sum(qga_freeze_windows_ended_total{phase="Failed"})';
  // The one whose thaw was owed may have failed, too: its proof was lost.
  const before = (await valueOf(failed)) ?? 0;

  await createWindow('failed', { mountpoints: ['/nowhere'] });
  await becomes(failed, before + 1);

  await fires('FreezeWindowFailed');

  expect(await seenByRunbook('FreezeWindowFailed')).toMatch(/failed +Failed +.*UnknownMountpoint/);
});

/** Panels that have nothing to show as long as the API server answers. */
const emptyWhenWell = ['Watches begun again', 'Reconciles that failed'];

it('has an answer to every query of the dashboard', async () => {
  interface Panel {
    title: string;
    targets?: { expr: string }[];
  }
  const { panels }: { panels: Panel[] } = JSON.parse(readFileSync(join(chart, 'dashboards/qga-operator.json'), 'utf8'));
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

  expect(queries.length).toBeGreaterThan(40);
  // An increase takes two scrapes.
  for (const { title, expr } of queries.filter((query) => !emptyWhenWell.includes(query.title))) {
    const query = expr.replaceAll('$host', '.*').replaceAll('$__rate_interval', '5m');
    await eventually(async () => (await prometheus.query(query)).some(({ value }) => Number.isFinite(value)), {
      what: `an answer to ${title}: ${expr}`,
      timeoutMs: 10_000,
    });
  }
});

it.each([
  ['agent', operator.agent],
  ['manager', operator.manager],
])('serves the metrics of the %s that docs/observability.md describes, and no others', async (program, running) => {
  const served = servedBy(await running().metrics());

  const documented = documentedOf(program);

  expect([...served.keys()].toSorted()).toEqual([...documented.keys()].toSorted());
  for (const [metric, { type, labels }] of served) {
    expect({ metric, type }).toEqual({ metric, type: documented.get(metric)?.type });
    if (labels) expect({ metric, labels }).toEqual({ metric, labels: documented.get(metric)?.labels });
  }
});

interface Described {
  type: string;
  /** Undefined where there is no sample to tell. */
  labels: string[] | undefined;
}

function servedBy(text: string): Map<string, Described> {
  const served = new Map<string, Described>();
  for (const [, metric = '', type = ''] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    if (/^(process|nodejs)_/.test(metric)) continue;
    const sample = new RegExp(`^${metric}(?:_count)?(?:\\{(.*)\\})? \\S+$`, 'm').exec(text);
    const labels = [...(sample?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label = '']) => label).toSorted();
    served.set(metric, { type, labels: sample ? labels : undefined });
  }
  return served;
}

function documentedOf(program: string): Map<string, Described> {
  const page = readFileSync(join(repository, 'docs/observability.md'), 'utf8');
  const rows = page.matchAll(/^\| `(\w+)` +\| (\w+) +\| (\w+) +\| (.*?) +\|/gm);
  return new Map(
    [...rows]
      .filter(([, , of]) => of === program || of === 'both')
      .map(([, metric = '', , type = '', labels = '']) => [
        metric,
        { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label).toSorted() },
      ]),
  );
}

// The last, because nobody is left to tell of anything else.
it('tells of a host whose agent has died, and then of managers that are gone', async () => {
  await operator.agent().kill();
  // A Lease is good for 40 seconds.
  await fires('HostDown', 80_000);
  expect(await seenByRunbook('HostDown')).toMatch(new RegExp(`${host} +Unknown +HostSilent`));

  await operator.manager().stop();
  await fires('NoManagerLeads');
  expect(await seenByRunbook('NoManagerLeads')).toContain('qga-operator-manager');
});
