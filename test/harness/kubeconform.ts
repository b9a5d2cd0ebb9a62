import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kubectl } from './kubectl.ts';
import { harnessPaths } from './paths.ts';
import { run } from './run.ts';

interface OpenApi {
  definitions: Record<
    string,
    { 'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[] }
  >;
}

/**
 * Writes what an API server says of its kinds into a folder, as JSON schemas that kubeconform finds there: one file with
 * all, and one per kind that points into it.
 */
export async function writeSchemas({ kubectl }: Kubectl, dir: string): Promise<void> {
  const text = await kubectl('get', '--raw', '/openapi/v2');
  const { definitions } = JSON.parse(text) as OpenApi;
  // int-or-string is a format to Kubernetes, and a string to whoever knows JSON schema only.
  const all = { ...definitions, 'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['integer', 'string'] } };
  await writeFile(join(dir, 'all.json'), JSON.stringify({ definitions: all }));
  const kinds = Object.entries(definitions).flatMap(([name, definition]) =>
    (definition['x-kubernetes-group-version-kind'] ?? []).map((kind) => ({ name, ...kind })),
  );
  await Promise.all(
    kinds.map(({ name, group, version, kind }) => {
      const words = [kind.toLowerCase(), group.split('.')[0], version].filter(Boolean);
      const schema = { $ref: `all.json#/definitions/${name}` };
      return writeFile(join(dir, `${words.join('-')}.json`), JSON.stringify(schema));
    }),
  );
}

/** Holds a file of manifests against such a folder; rejects with a CommandError that says what is wrong. */
export async function kubeconform(file: string, schemas: string): Promise<string> {
  const location = join(schemas, '{{ .ResourceKind }}{{ .KindSuffix }}.json');
  const program = join(harnessPaths().kubeconform, 'kubeconform');
  return await run(program, ['-summary', '-schema-location', location, file], { timeoutMs: 60_000 });
}
