import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { GuestExecJob } from '../../src/api/resources.ts';
import { sharedGuest, sharedHypervisor } from '../harness/fixtures.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { type JobSpec, useOperator } from './operator-fixture.ts';

const operator = useOperator('kill-node');

/** Appends its name to a file in the guest, works a while, and exits with 7: each run leaves one line. */
function oneLine(name: string, seconds = 0.2): JobSpec {
  const script = `echo ${name} >>/tmp/runs; sleep ${seconds}; echo done; exit 7`;
  return { target: { guestName: 'web-1' }, exec: { command: ['sh', '-c', script] } };
}

async function linesOf(name: string): Promise<number> {
  const guest = await sharedGuest('web-1');
  const { stdout } = await guest.sh(`grep -cx ${name} /tmp/runs || true`);
  return Number(stdout);
}

function expectItsOwnResult({ status }: GuestExecJob): void {
  expect(status?.guests).toMatchObject([{ phase: 'Failed', reason: 'NonZeroExit', exitCode: 7, stdout: 'done\n' }]);
}

// From before the claim, over the launcher's way into the guest and the run itself, to after the delivery.
const moments = [0, 15, 30, 45, 60, 80, 110, 150, 220, 300, 380];

describe.each(moments)('the agent killed %i ms after a job was made', (ms) => {
  it('starts the command once and delivers its result', async () => {
    const mark = `agent-${ms}`;
    const name = await operator.create(oneLine(mark));
    await delay(ms);

    await operator.agent().restart();

    expectItsOwnResult(await operator.ended(name));
    expect(await linesOf(mark)).toBe(1);
  });
});

describe.each([20, 80])('the manager killed %i ms after a job was made', (ms) => {
  it('starts the command once and tells its result', async () => {
    const mark = `manager-${ms}`;
    const name = await operator.create(oneLine(mark));
    await delay(ms);

    await operator.manager().restart();

    expectItsOwnResult(await operator.ended(name));
    expect(await linesOf(mark)).toBe(1);
  });
});

it('finds every one of many runs again after the agent was killed in their midst', async () => {
  const names: string[] = [];
  for (let run = 0; run < 12; run++) names.push(await operator.create(oneLine(`many-${run}`, 1)));

  for (let kill = 0; kill < 3; kill++) {
    await delay(400);
    await operator.agent().restart();
  }

  for (const [run, name] of names.entries()) {
    expectItsOwnResult(await operator.ended(name));
    expect(await linesOf(`many-${run}`)).toBe(1);
  }
});

it('keeps a result through an agent that is down when the command ends', async () => {
  const name = await operator.create(oneLine('down', 1));
  await operator.until(name, ({ status }) => status?.active === 1);
  await delay(500);
  await operator.agent().kill();
  await delay(2000);

  await operator.agent().restart();

  expectItsOwnResult(await operator.ended(name));
  expect(await linesOf('down')).toBe(1);
});

it('keeps a result though the command’s deadline, too, came while the agent was down', async () => {
  const name = await operator.create({ ...oneLine('late', 1), activeDeadlineSeconds: 6 });
  await operator.until(name, ({ status }) => status?.active === 1);
  const [made] = await operator.tasksOf(name);
  const guest = await sharedGuest('web-1');
  const begun = async () => (await guest.sh('ls /run/qga')).stdout;
  await expect.poll(begun, { timeout: 5000 }).toContain(`${made?.metadata.uid}.pid`);
  await operator.agent().kill();
  await delay(7000);

  await operator.agent().restart();

  // The job may be over by then: it waits for a silent host for seconds only.
  const task = async () => (await operator.tasksOf(name))[0]?.status;
  await expect.poll(task, { timeout: 60_000 }).toMatchObject({ reason: 'NonZeroExit', exec: { exitCode: 7 } });
  expect(await linesOf('late')).toBe(1);
});

it('removes what runs left in the guest that an earlier life of the agent had delivered', async () => {
  const names: string[] = [];
  for (let run = 0; run < 8; run++) names.push(await operator.create(oneLine(`left-${run}`)));
  for (const name of names) await operator.ended(name);
  const tasks = (await Promise.all(names.map(operator.tasksOf))).flat();
  expect(tasks).toHaveLength(8);

  await operator.agent().restart();
  await operator.ended(await operator.create(oneLine('after-them')));

  const guest = await sharedGuest('web-1');
  const kept = async () => (await guest.sh('ls /run/qga')).stdout;
  for (const { metadata } of tasks) await expect.poll(kept, { timeout: 10_000 }).not.toContain(metadata.uid);
});

it('gets the result of a run though libvirtd was killed in its midst', async () => {
  const name = await operator.create(oneLine('libvirtd', 2));
  await operator.until(name, ({ status }) => status?.active === 1);
  await delay(500);

  await sharedHypervisor().killLibvirtd();
  await sharedHypervisor().startLibvirtd();

  expectItsOwnResult(await operator.ended(name));
  expect(await linesOf('libvirtd')).toBe(1);
});

it('gets the result of a run though the agent in the guest was killed in its midst', async () => {
  const name = await operator.create(oneLine('qemu-ga', 3));
  await operator.until(name, ({ status }) => status?.active === 1);
  await delay(500);

  await (await sharedGuest('web-1')).killAgent();

  expectItsOwnResult(await operator.ended(name));
  expect(await linesOf('qemu-ga')).toBe(1);
});

it.each([
  ['rebooted', /^GuestRebooted$/, (guest: TestGuest) => guest.reboot()],
  // Whichever is seen first: that it is off, or that it is another boot.
  ['cut off and started', /^Guest(Stopped|Rebooted)$/, (guest: TestGuest) => guest.destroy().then(() => guest.start())],
] as const)(
  'does not know the outcome of a run in whose midst the guest was %s, and does not run it again',
  async (how, reason, happen) => {
    const guest = await sharedGuest('db-1');
    const spec = oneLine(how.replaceAll(' ', '-'), 60);
    const name = await operator.create({ ...spec, target: { guestName: 'db-1' } });
    await operator.until(name, ({ status }) => status?.active === 1);
    await delay(1000);

    await happen(guest);

    const { status } = await operator.ended(name, 90_000);
    expect(status).toMatchObject({ phase: 'Failed', unknown: 1, guests: [{ phase: 'Unknown' }] });
    expect(status?.guests?.[0]?.reason).toMatch(reason);
    await guest.waitForAgent();
    await delay(1000);
    expect((await guest.sh('cat /tmp/runs || true')).stdout).toBe('');
  },
);
