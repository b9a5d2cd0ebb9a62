import { group } from '../../api/resources.ts';
import type { Finding } from './finding.ts';
import type { Observed, Right } from './observed.ts';

type Need = readonly [verb: string, resource: string, group?: string];

const core = '';

/** To see how one object fares. */
const follow = (resource: string): Need[] => [
  ['list', resource],
  ['watch', resource],
];

/** To have a task done, and to leave none behind. */
const runTask: readonly Need[] = [['create', 'guesttasks'], ...follow('guesttasks'), ['delete', 'guesttasks']];

/** What each verb needs, and more of it where more is asked of it. */
const verbs: Record<string, readonly Need[]> = {
  get: [['list', 'guests']],
  exec: [['create', 'guestexecjobs'], ...follow('guestexecjobs'), ['delete', 'guestexecjobs'], ['get', 'guesttasks']],
  logs: [
    ['get', 'guestexecjobs'],
    ['list', 'guesttasks'],
  ],
  'logs (of output in ConfigMaps)': [['get', 'configmaps', core]],
  'logs (of output in Secrets)': [['get', 'secrets', core]],
  freeze: [
    ['create', 'fsfreezewindows'],
    ['get', 'fsfreezewindows'],
    ...follow('fsfreezewindows'),
    ['patch', 'fsfreezewindows'],
  ],
  thaw: [
    ['get', 'fsfreezewindows'],
    ...follow('fsfreezewindows'),
    ['patch', 'fsfreezewindows'],
    ['list', 'guesttasks'],
    ['list', 'guests'],
  ],
  'thaw (a freeze GuestTask made by hand)': [['patch', 'guesttasks']],
  'thaw --force': runTask,
  rotate: [['patch', 'passwordrotations'], ...follow('passwordrotations')],
  cp: runTask,
  'explain-task': [['get', 'guesttasks']],
};

/** The rights to ask the API server about, each once. */
export const askedRights: readonly Omit<Right, 'allowed'>[] = [
  ...new Map(Object.values(verbs).flatMap((needs) => needs.map((need) => [nameOf(need), rightOf(need)]))).values(),
];

/** What a verb is said to need, as `patch guests`. */
export function needsOf(name: string): string[] {
  return (verbs[name] ?? []).map(nameOf);
}

function rightOf([verb, resource, ofGroup = group]: Need): Omit<Right, 'allowed'> {
  return { verb, group: ofGroup, resource };
}

function nameOf([verb, resource]: Need): string {
  return `${verb} ${resource}`;
}

export function diagnoseRights({ rights, namespace }: Observed): Finding[] {
  const topic = 'Your rights';
  const allowed = new Set(
    rights.filter((right) => right.allowed).map(({ verb, resource }) => nameOf([verb, resource])),
  );
  const where = namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`;
  const missing = Object.entries(verbs)
    .map(([name, needs]) => ({ name, lacks: needs.filter((need) => !allowed.has(nameOf(need))) }))
    .filter(({ lacks }) => lacks.length > 0);
  const able = Object.keys(verbs).filter((name) => !missing.some((each) => each.name === name));
  const findings: Finding[] = [];
  if (able.length > 0) findings.push({ topic, level: 'ok', what: `you may ${able.join(', ')} ${where}` });
  for (const { name, lacks } of missing) {
    const what = `you may not ${name} ${where}: it takes ${lacks.map(nameOf).join(', ')}`;
    const todo = lacks.some(([, , ofGroup]) => ofGroup === core)
      ? 'no ClusterRole of qga gives it: a Role of your own does, or of Kubernetes, such as view for ConfigMaps'
      : 'a RoleBinding to the ClusterRole qga-viewer, qga-operator or qga-admin gives it';
    findings.push({ topic, level: 'note', what, todo });
  }
  return findings;
}
