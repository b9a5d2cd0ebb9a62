import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { version } from '../../../src/version.ts';
import { sharedCluster, testFolder } from '../../harness/fixtures.ts';
import { chart, helm, rendered } from '../../harness/helm.ts';
import { kubeconform, writeSchemas } from '../../harness/kubeconform.ts';
import { everything, valueSets } from './values.ts';

const folder = testFolder();

beforeAll(async () => {
  await mkdir(folder('schemas'), { recursive: true });
  await writeSchemas(sharedCluster(), folder('schemas'));
});

function chartFile(name: string): string {
  return readFileSync(join(chart, name), 'utf8');
}

function named(objects: KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`the chart renders no ${kind} ${name}`);
  return found;
}

interface Role extends KubeObject {
  rules: Rule[];
}
interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** One line per resource, so that a right too many is a line too many. */
function rights(objects: KubeObject[], kind: string, name: string): string[] {
  const { rules } = named(objects, kind, name) as Role;
  return rules
    .flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
      resources.map((resource) => {
        const where = [...apiGroups, resource].filter(Boolean).join('/');
        return `${where}${resourceNames ? `[${resourceNames.join(' ')}]` : ''}: ${verbs.join(' ')}`;
      }),
    )
    .toSorted();
}

describe.each(Object.entries(valueSets))('with %s, the chart', (_, values) => {
  it('passes helm lint --strict', async () => {
    const said = await helm(['lint', '--strict', chart], { values });

    expect(said).toContain('0 chart(s) failed');
  });

  it('renders what kubeconform finds to be as the kinds have it', async () => {
    const objects = await rendered(values, { namespace: 'qga-system' });
    const known = objects.filter(({ apiVersion }) => apiVersion !== 'monitoring.coreos.com/v1');
    const file = folder('conform.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: known }));

    expect(await kubeconform(file, folder('schemas'))).toContain(`Valid: ${known.length}, Invalid: 0, Errors: 0`);
  });

  it('renders what the API server accepts as it is', async () => {
    const { kubectl } = sharedCluster();
    const namespace = 'qga-system';
    const objects = await rendered(values, { namespace });
    // Their kinds are the Prometheus operator's, which is not here.
    const known = objects.filter(({ apiVersion }) => apiVersion !== 'monitoring.coreos.com/v1');
    const file = folder('rendered.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: known }));

    const said = await kubectl(
      'apply',
      '--server-side',
      '--dry-run=server',
      '--validate=strict',
      '--force-conflicts',
      '-f',
      file,
    );

    expect(said.trim().split('\n')).toHaveLength(known.length);
  });
});

describe('values.schema.json', () => {
  it.each([
    ['a word for a number', { manager: { replicas: 'two' } }, "'/manager/replicas': got string, want integer"],
    [
      'a value that does not exist',
      { manager: { replica: 3 } },
      "'/manager': additional properties 'replica' not allowed",
    ],
    [
      'a libvirt that does not exist',
      { agent: { libvirt: { daemon: 'xen' } } },
      "'/agent/libvirt/daemon': value must be one of 'monolithic', 'modular'",
    ],
    [
      'a repair that does not exist',
      { agent: { channelRepair: 'Never' } },
      "'/agent/channelRepair': value must be one of 'Auto', 'Manual'",
    ],
    ['a remote host without a URI', { remoteHosts: [{ name: 'hv9' }] }, "'/remoteHosts/0': missing property 'uri'"],
    [
      'a remote host whose name can be none',
      { remoteHosts: [{ name: 'HV 9', uri: 'qemu+tls://hv9/system' }] },
      "'/remoteHosts/0/name'",
    ],
    [
      'a TLS Secret for a URI without TLS',
      { remoteHosts: [{ name: 'hv9', uri: 'qemu+ssh://hv9/system', tlsSecret: 'hv9' }] },
      'remoteHosts hv9: a tlsSecret is for a URI like qemu+tls://hv9/system',
    ],
    [
      'two remote hosts of one name',
      { remoteHosts: ['a', 'b'].map((host) => ({ name: 'hv9', uri: `qemu+tls://${host}/system` })) },
      'remoteHosts: two are named hv9',
    ],
  ])('refuses %s in a sentence', async (_, values, sentence) => {
    await expect(rendered(values)).rejects.toThrow(sentence);
  });

  it('and the README know every value', () => {
    const readme = chartFile('README.md');
    const schema = JSON.parse(chartFile('values.schema.json'));
    const paths = leaves(parse(chartFile('values.yaml')));

    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter((path) => !inSchema(schema, path))).toEqual([]);
    const [, table = ''] = readme.split('\n## Values\n');
    const told = [...table.matchAll(/^\| `(\S+)` /gm)].map(([, path]) => path);
    expect(told).toEqual(paths.map((path) => path.join('.')));
  });
});

/** Values that are set as a whole: what is in them is Kubernetes' or the user's. */
const opaque = new Set(['resources', 'nodeSelector', 'labels']);

function leaves(value: unknown, path: string[] = []): string[][] {
  const isTree = value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isTree || opaque.has(path.at(-1) ?? '')) return [path];
  return Object.entries(value).flatMap(([key, child]) => leaves(child, [...path, key]));
}

function inSchema(schema: { properties?: Record<string, object> } | undefined, [key, ...rest]: string[]): boolean {
  if (key === undefined) return schema !== undefined;
  return inSchema(schema?.properties?.[key], rest);
}

describe('the rights the chart gives', () => {
  it('to agents are what they need and no more', async () => {
    const objects = await rendered();

    expect(rights(objects, 'ClusterRole', 'qga-operator-agent')).toEqual([
      'configmaps: create',
      'events.k8s.io/events: create patch',
      'qga.dev/guesthosts/status: update',
      'qga.dev/guesthosts: get list watch create',
      'qga.dev/guests/status: update',
      'qga.dev/guests: get list watch create patch delete',
      'qga.dev/guesttasks/status: update',
      'qga.dev/guesttasks: get list watch',
      'secrets: create',
    ]);
    expect(rights(objects, 'Role', 'qga-operator-agent')).toEqual(['coordination.k8s.io/leases: get create update']);
  });

  it('to the manager are what it needs and no more', async () => {
    const objects = await rendered();

    expect(rights(objects, 'ClusterRole', 'qga-operator-manager')).toEqual([
      'configmaps: get',
      'coordination.k8s.io/leases: get list watch',
      'events.k8s.io/events: create patch',
      'qga.dev/fsfreezewindows/finalizers: update',
      'qga.dev/fsfreezewindows/status: update',
      'qga.dev/fsfreezewindows: get list watch create patch delete',
      'qga.dev/guestexecjobs/finalizers: update',
      'qga.dev/guestexecjobs/status: update',
      'qga.dev/guestexecjobs: get list watch delete',
      'qga.dev/guesthosts/status: update',
      'qga.dev/guesthosts: get list watch',
      'qga.dev/guests/status: update',
      'qga.dev/guests: get list watch',
      'qga.dev/guesttasks/status: update',
      'qga.dev/guesttasks: get list watch create patch delete',
      'qga.dev/passwordrotations/finalizers: update',
      'qga.dev/passwordrotations/status: update',
      'qga.dev/passwordrotations: get list watch',
      'secrets: get list watch create patch delete',
      'snapshot.storage.k8s.io/volumesnapshots: get list create patch',
    ]);
    expect(rights(objects, 'Role', 'qga-operator-manager')).toEqual([
      'coordination.k8s.io/leases: create',
      'coordination.k8s.io/leases[qga-operator-manager]: get update',
    ]);
  });

  it('to what lets go of guests as the operator goes are what it needs and no more', async () => {
    const objects = await rendered();

    expect(rights(objects, 'ClusterRole', 'qga-operator-release-all')).toEqual([
      'qga.dev/fsfreezewindows: list patch',
      'qga.dev/guesthosts: list',
      'qga.dev/guesttasks: list patch',
    ]);
  });

  it.each([
    [{}, { view: [], edit: [], admin: [] }],
    [{ view: true }, { view: ['qga-viewer'], edit: [], admin: [] }],
    [{ edit: true }, { view: [], edit: ['qga-operator-rules', 'qga-viewer'], admin: [] }],
    [{ admin: true }, { view: [], edit: [], admin: ['qga-admin-rules', 'qga-operator-rules', 'qga-viewer'] }],
  ])('to holders of Kubernetes’ own roles with aggregateTo %j are whole, or none', async (aggregateTo, expected) => {
    const objects = await rendered({ userRoles: { aggregateTo } });

    const added = (role: string) =>
      objects
        .filter(({ metadata }) => metadata.labels?.[`rbac.authorization.k8s.io/aggregate-to-${role}`] === 'true')
        .map(({ metadata }) => metadata.name)
        .toSorted();

    expect({ view: added('view'), edit: added('edit'), admin: added('admin') }).toEqual(expected);
  });

  it('are given nowhere else, and nowhere by a wildcard', async () => {
    const objects = await rendered(everything);
    const roles = objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');

    expect(roles.map(({ kind, metadata }) => `${kind} ${metadata.name}`).toSorted()).toEqual([
      'ClusterRole qga-admin',
      'ClusterRole qga-admin-rules',
      'ClusterRole qga-operator',
      'ClusterRole qga-operator-agent',
      'ClusterRole qga-operator-manager',
      'ClusterRole qga-operator-release-all',
      'ClusterRole qga-operator-rules',
      'ClusterRole qga-viewer',
      'Role qga-operator-agent',
      'Role qga-operator-manager',
    ]);
    expect(JSON.stringify(roles)).not.toContain('"*"');
  });
});

interface Workload extends KubeObject {
  spec: { template: { spec: PodSpec } };
}
interface PodSpec {
  hostNetwork?: boolean;
  securityContext: object;
  containers: { securityContext: object; args: string[]; env: object[]; image: string }[];
  volumes: object[];
}

function podOf(objects: KubeObject[], kind: string, name: string): PodSpec {
  return (named(objects, kind, name) as Workload).spec.template.spec;
}

describe('the pods', () => {
  it('of the manager and of remote hosts are let into a namespace of the restricted Pod Security level', async () => {
    const { apply, kubectl } = sharedCluster();
    const level = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    const namespace = 'restricted-pods';
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: level } });
    await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'any', namespace } });
    const objects = await rendered(everything);

    for (const name of ['qga-operator-manager', 'qga-operator-host-hv9', 'qga-operator-host-hv10']) {
      const spec = { ...podOf(objects, 'Deployment', name), serviceAccountName: 'any' };
      await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace }, spec });
    }
    await kubectl('delete', 'namespace', namespace, '--wait=false');
  });

  it('of agents on nodes have root, two folders of the node, and nothing else', async () => {
    const pod = podOf(await rendered(), 'DaemonSet', 'qga-operator-agent');

    expect(pod.containers[0]?.securityContext).toEqual({
      runAsUser: 0,
      runAsGroup: 0,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    });
    expect(pod).toMatchObject({ hostNetwork: false, hostPID: false, hostIPC: false });
    expect(pod.volumes).toEqual([
      { name: 'libvirt', hostPath: { path: '/run/libvirt', type: 'Directory' } },
      { name: 'state', hostPath: { path: '/var/lib/qga-operator', type: 'DirectoryOrCreate' } },
    ]);
  });

  it.each([
    [{}, 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock'],
    [{ daemon: 'modular' }, 'qemu+unix:///system?socket=/run/libvirt/virtqemud-sock&mode=direct'],
    [{ uri: 'lxc:///system' }, 'lxc:///system'],
  ])('of agents are told where libvirt is: %j', async (libvirt, uri) => {
    const pod = podOf(await rendered({ agent: { libvirt } }), 'DaemonSet', 'qga-operator-agent');

    expect(pod.containers[0]?.args).toContain(`--libvirt-uri=${uri}`);
  });

  it('of remote hosts are told where their credentials are', async () => {
    const objects = await rendered(everything);

    expect(podOf(objects, 'Deployment', 'qga-operator-host-hv9').containers[0]?.args).toContain(
      '--libvirt-uri=qemu+tls://hv9.example/system?pkipath=/etc/qga-operator/tls',
    );
    expect(podOf(objects, 'Deployment', 'qga-operator-host-hv10').containers[0]?.args).toContain(
      '--libvirt-uri=qemu+ssh://qga@hv10.example/system?mode=direct&keyfile=/home/qga/.ssh/identity&no_tty=1',
    );
  });

  it('of remote hosts run where the manager’s do, unless their host says otherwise', async () => {
    const tolerations = [{ key: 'infra', operator: 'Exists' }];
    const own = {
      tolerations: [],
      nodeSelector: { zone: 'lab' },
      affinity: { nodeAffinity: {} },
      priorityClassName: '',
    };
    const objects = await rendered({
      manager: { tolerations, nodeSelector: { infra: 'true' } },
      remoteHosts: [
        { name: 'hv1', uri: 'qemu+tcp://hv1/system' },
        { name: 'hv2', uri: 'qemu+tcp://hv2/system', ...own },
      ],
    });

    const [plain, particular] = ['hv1', 'hv2'].map((host) => podOf(objects, 'Deployment', `qga-operator-host-${host}`));

    expect(plain).toMatchObject({
      tolerations,
      nodeSelector: { infra: 'true' },
      priorityClassName: 'system-cluster-critical',
    });
    expect(particular).toMatchObject({ nodeSelector: { zone: 'lab' }, affinity: { nodeAffinity: {} } });
    expect(particular).not.toHaveProperty('tolerations');
    expect(particular).not.toHaveProperty('priorityClassName');
  });

  it('may be named by digits alone', async () => {
    const objects = await rendered({ remoteHosts: [{ name: '101', uri: 'qemu+tcp://hv1/system' }] });

    const deployment = named(objects, 'Deployment', 'qga-operator-host-101');
    const pod = podOf(objects, 'Deployment', 'qga-operator-host-101');
    const label = { labels: expect.objectContaining({ 'qga.dev/host': '101' }) as object };
    expect(deployment).toMatchObject({ metadata: label, spec: { template: { metadata: label } } });
    expect(pod.containers[0]?.env).toContainEqual({ name: 'QGA_NODE_NAME', value: '101' });
  });

  it('take flags and variables after the chart’s own', async () => {
    const objects = await rendered(everything);
    const containerOf = (kind: string, name: string) => podOf(objects, kind, name).containers[0];

    expect(containerOf('Deployment', 'qga-operator-manager')?.args.at(-1)).toBe('--log-level=debug');
    for (const agent of [
      containerOf('DaemonSet', 'qga-operator-agent'),
      containerOf('Deployment', 'qga-operator-host-hv9'),
    ]) {
      expect(agent?.args).toContain('--channel-repair=Manual');
      expect(agent?.args.at(-1)).toBe('--default-namespace=machines');
      expect(agent?.env.at(-1)).toEqual({ name: 'QGA_LOG_LEVEL', value: 'debug' });
    }
  });

  it('that let go of guests run where the manager may, and reach the API server before anything goes', async () => {
    const objects = await rendered(everything);
    const policyOf = (component: string) =>
      named(objects, 'NetworkPolicy', `qga-operator-${component}`) as KubeObject & { spec: { egress: object[] } };

    for (const hook of ['pre-delete', 'post-delete']) {
      const name = `qga-operator-release-all-${hook}`;
      const { nodeSelector, tolerations, affinity, priorityClassName } = everything.manager;
      expect(podOf(objects, 'Job', name)).toMatchObject({ nodeSelector, tolerations, affinity, priorityClassName });
    }
    const policy = policyOf('release-all');
    expect(policy.spec.egress).toEqual(policyOf('manager').spec.egress);
    expect(policy.metadata.annotations).toMatchObject({
      'helm.sh/hook': 'pre-delete,post-delete',
      'helm.sh/hook-weight': '-1',
    });
  });

  it('run the image that was asked for', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const image = async (values: object) =>
      podOf(await rendered({ image: values }), 'Deployment', 'qga-operator-manager').containers[0]?.image;

    expect(await image({})).toBe(`qga-operator:${version}`);
    expect(await image({ repository: 'mirror/qga', tag: 'next' })).toBe('mirror/qga:next');
    expect(await image({ tag: 'next', digest })).toBe(`qga-operator@${digest}`);
  });
});

it('has alerts and a dashboard of metrics that there are', async () => {
  const source = join(import.meta.dirname, '../../../src/observability');
  const code = readdirSync(source)
    .map((file) => readFileSync(join(source, file), 'utf8'))
    .join('\n');
  const known = new Set([...code.matchAll(/'(\w+)'/g)].map(([, name]) => name));
  const objects = await rendered(everything);
  const rules = JSON.stringify(named(objects, 'PrometheusRule', 'qga-operator'));
  const dashboard = chartFile('dashboards/qga-operator.json');
  JSON.parse(dashboard);

  const used = [
    ...`${rules}${dashboard}`.matchAll(/\b(qga_[a-z_]+|workqueue_depth|controller_runtime_[a-z_]+)\b/g),
  ].map(([name]) => name.replace(/_(bucket|sum|count)$/, ''));

  expect(used.length).toBeGreaterThan(20);
  expect([...new Set(used)].filter((name) => !known.has(name))).toEqual([]);
});

it("has the program's version", () => {
  expect(parse(chartFile('Chart.yaml'))).toMatchObject({ version, appVersion: version });
});
