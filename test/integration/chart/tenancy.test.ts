import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { apiVersion, domainUuidLabel } from '../../../src/api/resources.ts';
import { eventually } from '../../harness/eventually.ts';
import { sharedCluster, testFolder, testNamespace } from '../../harness/fixtures.ts';
import { createKubectl, type Kubectl } from '../../harness/kubectl.ts';
import { installedChart } from './support.ts';

const release = installedChart({ userRoles: { create: true } });
const teamA = testNamespace();
const teamB = testNamespace();
const folder = testFolder();
const admin = sharedCluster();

const roles = ['qga-viewer', 'qga-operator', 'qga-admin'] as const;
type Role = (typeof roles)[number];
/** Of each role one person, who has it in team A's namespace and nothing else anywhere. */
const people = {} as Record<Role, Kubectl>;

beforeAll(async () => {
  for (const role of roles) {
    await admin.kubectl('create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}-person`, '-n', teamA);
    const config = parse(await readFile(admin.kubeconfig, 'utf8'));
    config.users[0].user.as = `${role}-person`;
    const path = folder(`${role}.kubeconfig`);
    await writeFile(path, JSON.stringify(config), { mode: 0o600 });
    people[role] = createKubectl(path);
  }
  await admin.apply(guest(teamA), guest(teamB));
  // Kubernetes adds aggregated roles up a moment later.
  await eventually(() => may('qga-admin', 'create', 'guesttasks'), { what: 'the roles', timeoutMs: 20_000 });
});

function guest(namespace: string): object {
  const labels = { [domainUuidLabel]: randomUUID() };
  return { apiVersion, kind: 'Guest', metadata: { name: 'web-1', namespace, labels } };
}

function job(name: string, namespace: string): object {
  const spec = { target: { guestName: 'web-1' }, exec: { command: ['true'] } };
  return { apiVersion, kind: 'GuestExecJob', metadata: { name, namespace }, spec };
}

function task(name: string, namespace: string): object {
  const spec = { guestName: 'web-1', action: { exec: { command: ['true'] } } };
  return { apiVersion, kind: 'GuestTask', metadata: { name, namespace }, spec };
}

/** What the API server answers to the question, of kinds that it does not serve too. */
async function may(role: Role, verb: string, resource: string): Promise<boolean> {
  const attributes = { group: 'qga.dev', resource, verb, namespace: teamA };
  const review = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: `${role}-person`, resourceAttributes: attributes },
  };
  const path = folder(`${role}-${verb}-${resource}.json`);
  await writeFile(path, JSON.stringify(review));
  return JSON.parse(await admin.kubectl('create', '-f', path, '-o', 'json')).status.allowed;
}

const forbidden = 'Forbidden';

describe('a viewer', () => {
  it('sees guests, tasks and jobs of the namespace', async () => {
    const { kubectl } = people['qga-viewer'];

    expect(await kubectl('get', 'guests,guesttasks,guestexecjobs', '-n', teamA, '-o', 'name')).toContain('web-1');
  });

  it('creates, changes and deletes nothing', async () => {
    const { apply, kubectl } = people['qga-viewer'];

    await expect(apply(job('viewed', teamA))).rejects.toThrow(forbidden);
    await expect(apply(task('viewed', teamA))).rejects.toThrow(forbidden);
    await expect(kubectl('label', 'guest', 'web-1', 'a=b', '-n', teamA)).rejects.toThrow(forbidden);
    await expect(kubectl('delete', 'guest', 'web-1', '-n', teamA)).rejects.toThrow(forbidden);
  });
});

describe('an operator', () => {
  it('runs and deletes jobs and suspends guests', async () => {
    const { apply, kubectl } = people['qga-operator'];

    await apply(job('operated', teamA));
    await kubectl('delete', 'guestexecjob', 'operated', '-n', teamA);
    await kubectl('patch', 'guest', 'web-1', '-n', teamA, '--type=merge', '-p', '{"spec":{"suspend":true}}');
  });

  it("points no guest at another team's domain, by changing or by removing its label", async () => {
    const { kubectl } = people['qga-operator'];
    const label = (change: string) => kubectl('label', '--overwrite', 'guest', 'web-1', change, '-n', teamA);
    const refusal = 'the label qga.dev/domain-uuid is not for people';

    await label('tier=db');
    await expect(label('qga.dev/domain-uuid=11111111-2222-4333-8444-555555555555')).rejects.toThrow(refusal);
    await expect(label('qga.dev/domain-uuid-')).rejects.toThrow(refusal);
  });

  it('makes no task, deletes no guest and says of nothing how it went', async () => {
    const { apply, kubectl } = people['qga-operator'];
    await admin.apply(job('told', teamA));
    const end = ['--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Complete"}}'];

    await expect(apply(task('operated', teamA))).rejects.toThrow(forbidden);
    await expect(kubectl('delete', 'guest', 'web-1', '-n', teamA)).rejects.toThrow(forbidden);
    await expect(kubectl('patch', 'guestexecjob', 'told', '-n', teamA, ...end)).rejects.toThrow(forbidden);
  });
});

describe('an admin', () => {
  it('makes tasks and deletes guests', async () => {
    const { apply, kubectl } = people['qga-admin'];

    await apply(job('administered', teamA), task('administered', teamA));
    await kubectl('delete', 'guesttask', 'administered', '-n', teamA);
    await kubectl('delete', 'guest', 'web-1', '-n', teamA);
    await admin.apply(guest(teamA));
  });

  it('says of nothing how it went', async () => {
    await admin.apply(task('told', teamA));
    const end = ['--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Succeeded"}}'];

    await expect(people['qga-admin'].kubectl('patch', 'guesttask', 'told', '-n', teamA, ...end)).rejects.toThrow(
      forbidden,
    );
  });
});

it.each(roles)("gives a %s of one team no sight of another's guests, and no way to them", async (role) => {
  const { apply, kubectl } = people[role];

  await expect(kubectl('get', 'guests', '-n', teamB)).rejects.toThrow(forbidden);
  await expect(kubectl('get', 'guests', '-A')).rejects.toThrow(forbidden);
  await expect(kubectl('get', 'guesthosts')).rejects.toThrow(forbidden);
  await expect(apply(job('foreign', teamB))).rejects.toThrow(forbidden);
  await expect(apply(task('foreign', teamB))).rejects.toThrow(forbidden);
  await expect(kubectl('get', 'secrets', '-n', release.name)).rejects.toThrow(forbidden);
});

it.each<[string, string, Role[]]>([
  ['create', 'guestexecjobs', ['qga-operator', 'qga-admin']],
  ['create', 'fsfreezewindows', ['qga-operator', 'qga-admin']],
  ['create', 'passwordrotations', ['qga-admin']],
  ['create', 'guesttasks', ['qga-admin']],
  ['patch', 'guests', ['qga-operator', 'qga-admin']],
  ['delete', 'guests', ['qga-admin']],
  ['create', 'guests', []],
  ['watch', 'passwordrotations', ['qga-viewer', 'qga-operator', 'qga-admin']],
])('lets whom it should %s %s', async (verb, resource, allowed) => {
  const answers = await Promise.all(roles.map(async (role) => ((await may(role, verb, resource)) ? [role] : [])));

  expect(answers.flat()).toEqual(allowed);
});
