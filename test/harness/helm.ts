import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/kube/objects.ts';
import { harnessPaths } from './paths.ts';
import { inPlace } from './place.ts';
import { run } from './run.ts';

/** The product's chart. */
export const chart = join(import.meta.dirname, '../../charts/qga-operator');

export interface HelmOptions {
  /** Values beside the chart's own. */
  values?: object;
  namespace?: string;
  kubeconfig?: string;
  /** Put before the command, where the cluster is in a network of its own. */
  enter?: readonly string[];
  args?: readonly string[];
}

/** Runs the real Helm and returns its standard output; rejects with a CommandError that carries its own words. */
export async function helm(command: readonly string[], options: HelmOptions = {}): Promise<string> {
  const { values, namespace = 'qga-system', kubeconfig, enter = [], args = [] } = options;
  const where = ['--namespace', namespace, ...(kubeconfig ? ['--kubeconfig', kubeconfig] : [])];
  const all = [...command, ...where, ...(values ? ['--values=-'] : []), ...args];
  const line = inPlace(enter, join(harnessPaths().helm, 'helm'), all);
  return await run(line.command, line.args, { input: JSON.stringify(values ?? {}), timeoutMs: 180_000 });
}

/** What the chart makes of `values`. */
export async function rendered(values: object = {}, options: Omit<HelmOptions, 'values'> = {}): Promise<KubeObject[]> {
  const text = await helm(['template', 'qga-operator', chart], { ...options, values });
  return parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}
