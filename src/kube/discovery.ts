import { ApiError } from './errors.ts';
import type { GroupVersion } from './objects.ts';
import { versionPath } from './resource-path.ts';

/** Reads what the API server tells at a path that is no object's. */
export type Read = <T extends object>(path: string) => Promise<T>;

/** metav1.APIGroupList. */
interface GroupList {
  kind?: string;
  groups: { name: string; versions: { version: string }[] }[];
}

/** metav1.APIResourceList. */
interface ResourceList {
  kind?: string;
  resources: { name: string }[];
}

/**
 * The plurals of the kinds that the API server serves of a group's version; none where it doesn't know that. What is not
 * served is told by what is: to an unknown path anybody answers 404. Rejects with an ApiError where it can't be told.
 */
export async function servedPlurals(read: Read, wanted: GroupVersion): Promise<string[]> {
  if (wanted.group !== '' && !(await hasVersion(read, wanted))) return [];
  const { kind, resources } = await read<ResourceList>(versionPath(wanted));
  if (kind !== 'APIResourceList') throw notTold();
  return resources.map(({ name }) => name);
}

async function hasVersion(read: Read, { group, version }: GroupVersion): Promise<boolean> {
  const { kind, groups } = await read<GroupList>('/apis');
  // One that only starts knows no group at all.
  if (kind !== 'APIGroupList' || groups.length === 0) throw notTold();
  const versions = groups.find(({ name }) => name === group)?.versions ?? [];
  return versions.some((each) => each.version === version);
}

const notTold = () => new ApiError(0, 'MalformedAnswer', 'the API server does not tell which kinds it serves');
