import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { testFolder } from '../../harness/fixtures.ts';
import { type AlertRule, chartRules, promtool } from '../../harness/prometheus.ts';
import { repository } from '../../harness/vitest/shared.ts';

const folder = testFolder();
const runbookUrl = 'https://wiki.example/runbooks.md';
const timing = join(import.meta.dirname, 'alerts.yaml');
let alerts: AlertRule[];

beforeAll(async () => {
  const rules = await chartRules({ runbookUrl });
  alerts = rules.groups.flatMap((group) => group.rules);
  await writeFile(folder('rules.json'), JSON.stringify(rules));
  await copyFile(timing, folder('alerts.yaml'));
});

it('are rules that Prometheus loads', async () => {
  expect(await promtool('check', 'rules', folder('rules.json'))).toContain(`${alerts.length} rules found`);
});

it('fire when they should, and not before', async () => {
  await promtool('test', 'rules', folder('alerts.yaml'));
});

it('are each tried, and each link to a section of the runbooks that has its name', async () => {
  const { tests } = parse(await readFile(timing, 'utf8')) as { tests: { alert_rule_test: { alertname: string }[] }[] };
  const tried = new Set(tests.flatMap((each) => each.alert_rule_test.map(({ alertname }) => alertname)));
  const runbooks = await readFile(join(repository, 'docs/runbooks.md'), 'utf8');
  const sections = [...runbooks.matchAll(/^## (.+)$/gm)].map(([, title]) => title);

  const names = alerts.map(({ alert }) => alert);

  expect(names.toSorted()).toEqual([...tried].toSorted());
  expect(sections).toEqual(names);
  for (const { alert, annotations } of alerts)
    expect(annotations['runbook_url']).toBe(`${runbookUrl}#${alert.toLowerCase()}`);
});

it('are fed by the scrape configuration that the documentation gives', async () => {
  const page = await readFile(join(repository, 'docs/observability.md'), 'utf8');
  const [, example = ''] = /```yml\n([^]*?)```/.exec(page) ?? [];
  const { scrape_configs } = parse(example) as { scrape_configs: { job_name: string; relabel_configs: object[] }[] };
  const pods = [
    { component: 'manager', node: 'node-1' },
    { component: 'agent', node: 'node-1' },
    { component: 'remote-agent', node: 'node-2', host: 'hv9' },
    { component: 'release-all', node: 'node-2' },
  ];
  // In the place of an API server, what it would tell of these pods.
  const static_configs = pods.map(({ component, node, host }) => ({
    targets: [`${component}:8080`],
    labels: {
      __meta_kubernetes_pod_label_app_kubernetes_io_component: component,
      __meta_kubernetes_pod_container_port_name: 'metrics',
      __meta_kubernetes_pod_node_name: node,
      ...(host === undefined ? {} : { __meta_kubernetes_pod_label_qga_dev_host: host }),
    },
  }));
  const jobs = scrape_configs.map(({ job_name, relabel_configs }) => ({ job_name, relabel_configs, static_configs }));
  await writeFile(folder('prometheus.json'), JSON.stringify({ scrape_configs: jobs }));

  const said = await promtool('check', 'service-discovery', folder('prometheus.json'), 'qga-operator', '--timeout=1s');

  const found = JSON.parse(said) as { labels: Record<string, string> }[];
  const kept = found.flatMap(({ labels }) => (labels['instance'] ? `${labels['instance']} ${labels['host']}` : []));
  expect(kept.toSorted()).toEqual(['agent:8080 node-1', 'manager:8080 undefined', 'remote-agent:8080 hv9']);
});

it('have no link while nobody has said where the runbooks are to be found', async () => {
  for (const without of [{}, { runbookUrl: 'docs/runbooks.md' }]) {
    const rules = (await chartRules(without)).groups.flatMap((group) => group.rules);
    expect(rules.filter(({ annotations }) => 'runbook_url' in annotations)).toEqual([]);
    expect(rules).toHaveLength(alerts.length);
  }
});

it('take their limits from the values', async () => {
  const rules = await chartRules({
    guestFrozenSeconds: 90,
    hostDownFor: '10m',
    runbookUrl: 'https://wiki.example/qga',
  });
  const named = (name: string) => rules.groups[0]?.rules.find(({ alert }) => alert === name);

  expect(named('GuestFrozenTooLong')).toMatchObject({
    expr: expect.stringMatching(/ > 90$/) as string,
    annotations: { runbook_url: 'https://wiki.example/qga#guestfrozentoolong' },
  });
  expect(named('HostDown')).toMatchObject({ for: '10m' });
});
