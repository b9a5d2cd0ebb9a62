import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { kinds } from '../../../src/api/kinds.ts';
import { apiVersion } from '../../../src/api/resources.ts';
import { type ControlPlane, startControlPlane } from '../../harness/control-plane.ts';
import { testFolder } from '../../harness/fixtures.ts';
import { chart, helm } from '../../harness/helm.ts';
import { repository } from '../../harness/vitest/shared.ts';
import { everything } from './values.ts';

// A control plane of its own: the shared one has the kinds before any chart is installed.
const folder = testFolder();
const namespace = 'qga-system';
let cluster: ControlPlane;

beforeAll(async () => {
  cluster = await startControlPlane({ dir: folder('cp') });
});
afterAll(async () => {
  await cluster?.stop();
});

interface Wish {
  from?: string;
  values?: object;
  args?: string[];
}

async function install({ from = chart, values = {}, args = [] }: Wish = {}): Promise<string> {
  const { kubeconfig } = cluster;
  const all = ['--install', '--create-namespace', ...args];
  return await helm(['upgrade', 'qga-operator', from], { kubeconfig, namespace, values, args: all });
}

/** Here is no node that would run the pods of hooks. */
async function uninstall(): Promise<void> {
  const { kubeconfig } = cluster;
  await helm(['uninstall', 'qga-operator'], { kubeconfig, namespace, args: ['--no-hooks'] });
}

/** The chart as it might have been before its Guests had columns. */
async function olderChart(): Promise<string> {
  const older = folder('older');
  await cp(chart, older, { recursive: true });
  const file = join(older, 'templates/crds/qga.dev_guests.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^ {6}additionalPrinterColumns:\n(?: {8}.*\n)+/m, ''));
  return older;
}

async function columns(): Promise<string> {
  const path = '{.spec.versions[0].additionalPrinterColumns[*].name}';
  return await cluster.kubectl('get', 'crd', 'guests.qga.dev', '-o', `jsonpath=${path}`);
}

async function names(...resources: string[]): Promise<string[]> {
  const text = await cluster.kubectl('get', resources.join(','), '-A', '-o', 'name');
  return text.split('\n').filter((name) => name.includes('qga'));
}

async function isServed(): Promise<string> {
  return await cluster.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s');
}

// One after the other: each begins with what the one before left.
it('installs on an empty cluster, and says what to look at', async () => {
  const said = await install({ from: await olderChart() });

  expect(said).toContain('kubectl get guests -A');
  await isServed();
  expect(await names('crd')).toHaveLength(kinds.length);
  expect(await names('deployment', 'daemonset')).toEqual([
    'deployment.apps/qga-operator-manager',
    'daemonset.apps/qga-operator-agent',
  ]);
  expect(await names('validatingadmissionpolicy')).toHaveLength(9);
  await cluster.apply({ apiVersion, kind: 'Guest', metadata: { name: 'web-1', namespace: 'default' } });
});

it('upgrades the kinds with everything else, and keeps their objects', async () => {
  expect(await columns()).toBe('');

  await install({ values: { ...everything, metrics: {} } });

  expect(await columns()).toContain('Node');
  expect(await names('deployment')).toContain('deployment.apps/qga-operator-host-hv9');
  expect(await cluster.kubectl('get', 'guests', '-A', '-o', 'name')).toContain('web-1');
});

it('leaves the kinds, their objects and the journals of remote hosts when it is uninstalled, and nothing else', async () => {
  await uninstall();

  expect(await names('crd')).toHaveLength(kinds.length);
  expect(await cluster.kubectl('get', 'guests', '-A', '-o', 'name')).toContain('web-1');
  expect(await names('persistentvolumeclaim')).toHaveLength(2);
  expect(
    await names(
      'deployment,daemonset,service,serviceaccount,configmap,networkpolicy,poddisruptionbudget',
      'clusterrole,clusterrolebinding,role,rolebinding',
      'validatingadmissionpolicy,validatingadmissionpolicybinding,flowschema,prioritylevelconfiguration',
    ),
  ).toEqual([]);
});

it('takes the kinds up again when it is installed anew', async () => {
  await install();

  expect(await cluster.kubectl('get', 'guests', '-A', '-o', 'name')).toContain('web-1');
});

it('goes without a trace when its kinds are deleted first', async () => {
  await cluster.kubectl('delete', 'crd', '-l', 'app.kubernetes.io/part-of=qga-operator', '--timeout=30s');
  await uninstall();

  expect(await names('crd')).toEqual([]);
});

it('takes over kinds that were applied by hand', async () => {
  await cluster.applyFile(join(repository, 'crds'));

  await expect(install()).rejects.toThrow('invalid ownership metadata');
  await install({ args: ['--take-ownership', '--force-conflicts'] });

  expect(await names('crd')).toHaveLength(kinds.length);
});
