import { describe, expect, it } from 'vitest';
import type { GuestTask } from '../../../src/api/resources.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { letGo } from '../../../src/cli/thaw/let-go.ts';
import type { ThawPlan } from '../../../src/cli/thaw/plan.ts';
import { type Condition, setCondition } from '../../../src/kube/conditions.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/kube/objects.ts';
import { aFreezeTask, after, aGuest, aWindow, held, noon, thawed } from '../manager/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixedRandom } from '../support/fixed-random.ts';
import { hang } from '../support/memory-cluster.ts';

const forbidden = new ApiError(403, 'Forbidden', 'you may not');
const window = (name: string) => aWindow({}, { phase: 'Frozen' }, { name });
const task = (name: string): GuestTask => {
  const freeze = aFreezeTask(window('none'), aGuest(`guest-of-${name}`), held());
  return { ...freeze, metadata: { name, namespace: 'team-a' } };
};
const completed = { phase: 'Completed', verdict: 'Consistent', completionTime: after(0) };
const ended = (object: KubeObject) => ({
  ...object,
  status: object.kind === 'FsFreezeWindow' ? completed : thawed(),
});

/** Lets go of what is in a cluster in which some may not be released, or are never over; `created` names thaws by force. */
async function run(
  plan: Partial<ThawPlan>,
  { fail = [] as string[], stay = [] as string[], end = ended, timeoutSeconds = 60 } = {},
) {
  const { windows = [], tasks = [], owed = [], strangers = [] } = plan;
  const objects = new Map<string, KubeObject>(
    [...windows, ...tasks, ...owed].map((each) => [each.metadata.name, each]),
  );
  const released: string[] = [];
  const said: string[] = [];
  const cluster = {
    get: async (_: Resource<KubeObject>, { name }: ObjectRef) => objects.get(name),
    async mergePatch(_: Resource<KubeObject>, { name }: ObjectRef) {
      if (fail.includes(name)) throw forbidden;
      released.push(name);
      const object = objects.get(name) as KubeObject;
      if (!stay.includes(name)) objects.set(name, end(object));
    },
    async create(_: Resource<KubeObject>, made: GuestTask) {
      if (fail.includes(made.spec.guestName)) throw forbidden;
      objects.set(made.metadata.name, { ...made, status: { phase: 'Succeeded' } } as KubeObject);
      return made;
    },
    async delete() {},
    async list(_: Resource<KubeObject>, { fieldSelector = '' }) {
      const object = objects.get(fieldSelector.replace('metadata.name=', ''));
      return { items: object ? [object] : [], resourceVersion: '1' };
    },
    // Nothing ever comes.
    watch: (_: Resource<KubeObject>, { signal }: { signal: AbortSignal }) => ({
      [Symbol.asyncIterator]: () => ({ next: () => hang(signal) }),
    }),
  };
  const code = await letGo(
    {
      cluster: cluster as never,
      namespace: 'team-a',
      clock: new FakeClock(),
      random: fixedRandom,
      signal: new AbortController().signal,
      paint: plain,
      print: (...lines) => said.push(...lines),
      tell: (...lines) => said.push(...lines),
    },
    { plan: { windows, tasks, owed, strangers }, force: true, timeoutSeconds },
  );
  return { code, released, said: said.join('\n') };
}

it('lets go of everything, windows first, and says what came of each', async () => {
  const { code, released, said } = await run({ windows: [window('nightly')], tasks: [task('mine')] });

  expect(code).toBe(0);
  expect(released.toSorted()).toEqual(['mine', 'nightly']);
  expect(said).toContain('window nightly:');
  expect(said).toContain('task mine of guest guest-of-mine: Consistent');
});

it('lets all others go where some can not be, tells of each of those, and fails', async () => {
  const windows = [window('barred'), window('nightly')];
  const tasks = [task('theirs'), task('mine')];
  const strangers = [aGuest('foreign'), aGuest('forgotten')];

  const { code, released, said } = await run({ windows, tasks, strangers }, { fail: ['barred', 'theirs', 'foreign'] });

  expect(code).toBe(125);
  expect(released.toSorted()).toEqual(['mine', 'nightly']);
  expect(said).toContain('window barred: you may not');
  expect(said).toContain('task theirs of guest guest-of-theirs: you may not');
  expect(said).toContain('guest foreign was not thawed: you may not');
  expect(said).toContain('guest forgotten: thawed');
  expect(said).toContain('window nightly:');
});

it('tells which of them is not known to be thawed in time, and waits for the others all the same', async () => {
  const windows = [window('stuck'), window('nightly')];

  const { code, said } = await run({ windows }, { stay: ['stuck'], timeoutSeconds: 0.05 });

  expect(code).toBe(124);
  expect(said).toContain('window stuck: not known to be thawed in time');
  expect(said).toContain('window nightly:');
});

describe('a thaw that is owed', () => {
  const owing = { ...held(), freeze: { ...held().freeze, thawOwed: true } };
  const owed = (name: string, spec: Partial<GuestTask['spec']>): GuestTask => {
    const of = task(name);
    return { ...of, spec: { ...of.spec, nodeName: 'hv1', ...spec }, status: owing };
  };

  it('is told, with the host that owes it, and ends with 124 when it is not done in time', async () => {
    const { code, released, said } = await run(
      { tasks: [owed('forgotten', { release: false })] },
      { stay: ['forgotten'], timeoutSeconds: 0.05 },
    );

    expect(code).toBe(124);
    expect(released).toEqual(['forgotten']);
    expect(said.split('\n')[0]).toContain('task forgotten of guest guest-of-forgotten: host hv1 owes the thaw');
    expect(said).toContain('not known to be thawed in time: host hv1 owes the thaw');
  });

  it('takes no right to release of a task that was told to let go already', async () => {
    const tasks = [owed('told', { release: true })];

    const { code, said } = await run({ tasks }, { fail: ['told'], timeoutSeconds: 0.05 });

    expect(code).toBe(124);
    expect(said).not.toContain('you may not');
  });

  it('is waited for though the window is over', async () => {
    const said = { type: 'ThawOwed', status: 'True', reason: 'ThawOwed', message: 'nobody knows of web-1' };
    const status = { ...completed, phase: 'Failed', conditions: setCondition([], said as Condition, noon) };
    const end = (object: KubeObject) => ({ ...object, status });

    const run1 = await run({ windows: [window('nightly')] }, { end, timeoutSeconds: 0.05 });

    expect(run1.code).toBe(124);
    expect(run1.said).toContain('window nightly: not known to be thawed in time: nobody knows of web-1');
  });

  it('is waited for by what the host says of the guest where the task is gone', async () => {
    const said = { type: 'Frozen', status: 'Unknown', reason: 'ThawOwed', message: 'it was paused' };
    const guest = aGuest('web-1');
    const frozen = { ...guest, status: { ...guest.status, conditions: setCondition([], said as Condition, noon) } };

    expect(await run({ owed: [frozen] }, { timeoutSeconds: 0.05 })).toMatchObject({
      code: 124,
      said: expect.stringContaining('guest web-1: host hv1 owes the thaw: it was paused'),
    });
    expect(await run({ owed: [guest] })).toMatchObject({
      code: 0,
      said: expect.stringContaining('guest web-1: thawed'),
    });
  });
});
