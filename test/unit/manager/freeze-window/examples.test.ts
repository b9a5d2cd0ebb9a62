import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Document, parse, parseAllDocuments } from 'yaml';
import { fsFreezeWindowStatus } from '../../../../src/api/schema/fs-freeze-window.ts';

const examples = join(import.meta.dirname, '../../../../examples');
const phases = fsFreezeWindowStatus.shape.phase.unwrap().options;
/** Phases in which a window is still on its way to its end, or has failed. */
const unsettled = ['Pending', 'Preparing', 'Frozen', 'Thawing', 'Failed'];
const settled = phases.filter((phase) => !unsettled.includes(phase));

/** The phases that a piece of Lua or CEL names. */
function named(expression: string): string[] {
  return phases.filter((phase) => new RegExp(`["']${phase}["']`).test(expression));
}

it('Argo CD goes on at every phase in which a window rests, one that is suspended among them', async () => {
  const { data } = parse(await readFile(join(examples, 'freeze-argocd/health.yaml'), 'utf8')) as {
    data: Record<string, string>;
  };
  const lua = data['resource.customizations.health.qga.dev_FsFreezeWindow'] ?? '';
  const gate = lua.split('\n').find((line) => line.includes('local gate ='));

  expect(named(gate ?? '').toSorted()).toEqual(settled.toSorted());
  // A sync waits for what is Suspended.
  expect(lua).not.toContain('hs.status = "Suspended"');
});

it('Flux goes on at every phase in which a window rests, one that is suspended among them', async () => {
  const [freeze] = parseAllDocuments(await readFile(join(examples, 'freeze-flux/kustomizations.yaml'), 'utf8'));
  const { spec } = (freeze as Document).toJS() as { spec: { healthCheckExprs: { current: string }[] } };

  expect(named(spec.healthCheckExprs[0]?.current ?? '').toSorted()).toEqual(settled.toSorted());
});
