import { expect, it } from 'vitest';
import type { GuestTask } from '../../../src/api/resources.ts';
import { plain } from '../../../src/cli/print/paint.ts';
import { letGo } from '../../../src/cli/thaw/let-go.ts';
import type { ThawPlan } from '../../../src/cli/thaw/plan.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../../src/kube/objects.ts';
import { aFreezeTask, after, aGuest, aWindow, held, thawed } from '../manager/objects.ts';
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
  { fail = [] as string[], stay = [] as string[], timeoutSeconds = 60 } = {},
) {
  const { windows = [], tasks = [], strangers = [] } = plan;
  const objects = new Map<string, KubeObject>([...windows, ...tasks].map((each) => [each.metadata.name, each]));
  const released: string[] = [];
  const said: string[] = [];
  const cluster = {
    get: async (_: Resource<KubeObject>, { name }: ObjectRef) => objects.get(name),
    async mergePatch(_: Resource<KubeObject>, { name }: ObjectRef) {
      if (fail.includes(name)) throw forbidden;
      released.push(name);
      const object = objects.get(name) as KubeObject;
      if (!stay.includes(name)) objects.set(name, ended(object));
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
    { plan: { windows, tasks, strangers }, force: true, timeoutSeconds },
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
