import {
  apiVersion,
  domainUuidLabel,
  type FsFreezeWindow,
  fsFreezeWindows,
  guestTasks,
} from '../../src/api/resources.ts';
import { isTaskOver } from '../../src/api/tasks.ts';
import { ifThere } from './if-there.ts';
import type { Scenario } from './scenario.ts';
import type { World } from './world.ts';

const namespace = 'default';

/** People freeze one guest or all of them around a backup; some say when it is done, some forget to, some delete the window. */
export const freezeScenario: Scenario = {
  begin(world, ms) {
    const { chance, timeline } = world;
    const windows = chance.count(1, 3);
    for (let number = 1; number <= windows; number++) {
      timeline.in(chance.between(0, ms), () => applyWindow(world, `window-${number}`));
    }
  },
  open({ api, guests }) {
    const windows = api.list(fsFreezeWindows).items.filter(({ status }) => !status?.completionTime);
    const tasks = api.list(guestTasks).items.filter((task) => !isTaskOver(task));
    return [
      ...windows.map(({ metadata, status }) => `window ${metadata.name} is ${status?.phase ?? 'not looked at'}`),
      ...tasks.map(({ metadata, status }) => `task ${metadata.name} is ${status?.phase ?? 'not looked at'}`),
      ...guests.filter(({ filesystems }) => filesystems.frozen).map(({ name }) => `guest ${name} is frozen`),
      ...guests
        .filter(({ filesystems }) => filesystems.saidFrozen)
        .map(({ name }) => `guest ${name} says it is frozen`),
    ];
  },
};

function hooksOf({ chance }: World, window: string) {
  const hook = (when: string) => ({
    name: when,
    command: ['work', `${window}-${when}`, `${chance.count(10, 1500)}`, '0'],
    timeoutSeconds: 30,
    failurePolicy: chance.pick(['Fail', 'Ignore'] as const),
  });
  return { before: [hook('before')], after: [hook('after')] };
}

function applyWindow(world: World, name: string): void {
  const { chance, api, timeline } = world;
  const window = {
    apiVersion,
    kind: 'FsFreezeWindow',
    metadata: { name, namespace },
    spec: {
      target: chance.happens(0.4)
        ? { guestName: chance.pick(world.guests).name }
        : { selector: { matchExpressions: [{ key: domainUuidLabel, operator: 'Exists' as const }] } },
      maxFrozenSeconds: chance.count(1, 15),
      consistency: chance.pick(['Group', 'PerGuest'] as const),
      policy: chance.pick(['Required', 'BestEffort', 'Skip'] as const),
      startingDeadlineSeconds: chance.pick([5, 30]),
      ...(chance.happens(0.2) && { mountpoints: ['/'] }),
      ...(chance.happens(0.3) && { hooks: hooksOf(world, name) }),
    },
  } satisfies FsFreezeWindow;
  world.truth.longestAskedMs = Math.max(world.truth.longestAskedMs, window.spec.maxFrozenSeconds * 1000);
  world.say('a person', `applies ${name}: ${JSON.stringify(window.spec)}`);
  const { uid } = api.create(fsFreezeWindows, window).metadata;
  const afterMs = chance.between(0, 15_000);
  const what = chance.oneOf({ release: 0.5, delete: 0.2 });
  if (what === undefined) return;
  timeline.in(afterMs, () => {
    world.say('a person', `${what}s ${name}`);
    ifThere(() => {
      if (what === 'delete') api.delete(fsFreezeWindows, { namespace, name }, { uid });
      else api.mergePatch(fsFreezeWindows, { namespace, name }, { spec: { release: true } });
    });
  });
}
