import { readFile, writeFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { KubeObject } from '../../src/kube/objects.ts';
import { rendered } from './helm.ts';
import type { Kubectl } from './kubectl.ts';
import type { OperatorProcess } from './operator.ts';

const manager = 'qga-operator-manager';
const kinds = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'];
/** Its rights to Secrets are narrowed by it. */
const policy = `${manager}-secrets`;

interface Role extends KubeObject {
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[] }[];
}

/** What the chart makes for a manager to be somebody, and to be no more than that. */
async function managerObjects(): Promise<Role[]> {
  const objects = await rendered();
  return objects.filter(
    ({ kind, metadata }) => metadata.name === policy || (metadata.name === manager && kinds.includes(kind ?? '')),
  );
}

/** Gives a manager the rights that the chart gives it, and no others; writes its kubeconfig to `path`, which it returns. */
export async function managerKubeconfig({ apply, kubectl, kubeconfig }: Kubectl, path: string): Promise<string> {
  await apply(...(await managerObjects()));
  const token = await kubectl('create', 'token', manager, '-n', 'qga-system', '--duration=4h');
  return await tokenKubeconfig(kubeconfig, token, path);
}

/** What it was refused that the chart grants to no manager. An API server that begins refuses more, for a moment. */
export async function missingRights(process: OperatorProcess | undefined): Promise<string[]> {
  const granted = new Set(
    (await managerObjects())
      .flatMap(({ rules = [] }) => rules)
      .flatMap(({ apiGroups, resources, verbs }) =>
        apiGroups.flatMap((group) => resources.flatMap((each) => verbs.map((verb) => `${verb} ${each} ${group}`))),
      ),
  );
  const said = JSON.stringify(process?.logs() ?? []).replaceAll('\\', '');
  const refused = [...said.matchAll(/ cannot (\w+) resource "([^"]+)" in API group "([^"]*)"/g)];
  return refused.map(([, ...right]) => right.join(' ')).filter((right) => !granted.has(right));
}

/** Writes to `path` a kubeconfig for the same cluster that has nothing but the token, and returns the path. */
export async function tokenKubeconfig(kubeconfig: string, token: string, path: string): Promise<string> {
  const config = parse(await readFile(kubeconfig, 'utf8'));
  config.users[0].user = { token: token.trim() };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
