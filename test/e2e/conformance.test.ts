import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { allCommands } from '../../src/qga/commands.ts';
import { sharedHypervisor } from '../harness/fixtures.ts';
import { guestFiles } from '../harness/hypervisor/domain-xml.ts';
import { flavours, type GuestFlavour } from '../harness/hypervisor/flavours.ts';
import { repository } from '../harness/vitest/shared.ts';
import { type Column, conformancePage, isOfTheReference, verdictsOf } from './conformance/page.ts';
import { tryAll } from './conformance/try-all.ts';
import { namespace, useOperator } from './operator-fixture.ts';
import { useTasks } from './task-fixture.ts';

useOperator('conformance-node');
const tasks = useTasks('conformance');
const page = join(repository, 'docs/conformance.md');
const swapBytes = 512 * 1024 * 1024;
const columns: Column[] = [];

async function tryFlavour(flavour: GuestFlavour): Promise<Column> {
  const hypervisor = sharedHypervisor();
  const name = `all-${flavour}`;
  const guest = await hypervisor.defineGuest({ name, flavour, namespace, disk: true, vcpus: 2, start: false });
  await truncate(guestFiles(hypervisor.dir, name).disk, swapBytes);
  await guest.start();
  await guest.waitForAgent();
  try {
    const { version } = (await guest.agent('guest-info')) as { version: string };
    const dataDisk = flavours[flavour].rootDisk ? 'vdb' : 'vda';
    return { flavour, version, trials: await tryAll({ guest, dataDisk, tasks, trials: [] }) };
  } finally {
    await guest.undefine();
  }
}

beforeAll(async () => {
  for (const flavour of Object.keys(flavours) as GuestFlavour[]) columns.push(await tryFlavour(flavour));
  if (process.env['UPDATE_DOCS'] === '1') await writeFile(page, conformancePage(columns));
}, 1_500_000);

it.each([...allCommands.values()].filter(({ since }) => isOfTheReference(since)))(
  'carries $name out in at least one kind of guest',
  ({ name }) => {
    const verdicts = columns.map(({ trials }) => trials.find(({ command }) => command === name)?.verdict);

    expect(verdicts).toContain('works');
  },
);

it('knows the 35 commands of the reference', () => {
  expect([...allCommands.values()].filter(({ since }) => isOfTheReference(since))).toHaveLength(35);
});

it('finds what the page about it says', async () => {
  expect(verdictsOf(conformancePage(columns))).toEqual(verdictsOf(await readFile(page, 'utf8')));
});
