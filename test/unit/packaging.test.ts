import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

const repository = join(import.meta.dirname, '../..');

function file(name: string): string {
  return readFileSync(join(repository, name), 'utf8');
}

it('lets into the image build exactly what the Dockerfile copies', () => {
  const copied = [...file('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) =>
    sources?.split(' '),
  );
  const letIn = [...file('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, path = '']) => path);

  expect(new Set(letIn)).toEqual(new Set(copied));
});

it('gives the kind node the folders that the agent mounts', () => {
  const [node] = parse(file('kind-config.yaml')).nodes;
  const mounts = node.extraMounts.map(({ containerPath }: { containerPath: string }) => containerPath);
  const { agent } = parse(file('charts/qga-operator/values.yaml'));

  expect(mounts).toEqual([agent.libvirt.socketDir, agent.stateDir]);
});

it('runs in the image as the user that the chart names', () => {
  const [, user] = /^USER (\d+):\1$/m.exec(file('Dockerfile')) ?? [];

  expect(user).toBeDefined();
  for (const template of ['manager/deployment.yaml', 'remote-hosts/agents.yaml'])
    expect(file(`charts/qga-operator/templates/${template}`)).toContain(`runAsUser: ${user}\n`);
});

it('lets Renovate find the versions that are pinned by hand', () => {
  const { customManagers }: { customManagers: { managerFilePatterns: string[]; matchStrings: string[] }[] } =
    JSON.parse(file('renovate.json'));

  for (const { managerFilePatterns, matchStrings } of customManagers) {
    const name = managerFilePatterns[0]?.replaceAll(/^\/\^|\$\/$|\\/g, '') ?? '';
    expect(file(name)).toMatch(new RegExp(matchStrings[0] ?? ''));
  }
});

it('has a changelog that knows its version, and one licence everywhere', () => {
  const { version, license } = JSON.parse(file('package.json'));

  expect(file('CHANGELOG.md')).toContain(`\n## [${version}]`);
  expect(license).toBe('Apache-2.0');
  expect(file('LICENSE')).toContain('Version 2.0, January 2004');
  expect(file('Dockerfile')).toContain(`licenses="${license}"`);
});

it('describes the kubectl plugin to krew as what the build makes of it', () => {
  const { metadata, spec } = parse(file('plugin/qga.yaml'));
  const { bin } = JSON.parse(file('package.json'));

  expect(metadata.name).toBe('qga');
  expect(spec.platforms.map((platform: { bin: string }) => platform.bin)).toEqual([basename(bin['kubectl-qga'])]);
});
