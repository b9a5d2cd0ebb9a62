import { version as apiVersion, type GuestHost, group, guestHosts, guests } from '../../api/resources.ts';
import { type Lease, leases } from '../../kube/core-resources.ts';
import { servedPlurals } from '../../kube/discovery.ts';
import { ApiError, isNotFound } from '../../kube/errors.ts';
import type { KubeObject, ObjectRef, Resource } from '../../kube/objects.ts';
import { version } from '../../version.ts';
import type { Session } from '../connect/session.ts';
import { askedRights } from './diagnose-rights.ts';
import { fieldsNotServed } from './missing-fields.ts';
import { type Observed, type Right, type Seen, type SeenLease, valueOf } from './observed.ts';

export interface WhatToObserve {
  /** Undefined: all of them. */
  namespace: string | undefined;
  /** Where manager and agents keep their Leases; undefined: as the hosts say. */
  operatorNamespace: string | undefined;
}

interface AccessReview extends KubeObject {
  spec: { resourceAttributes: { group: string; resource: string; verb: string; namespace?: string } };
  status?: { allowed: boolean };
}

const accessReviews: Resource<AccessReview> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  namespaced: false,
};

const usualNamespace = 'qga-system';
const managerLease = 'qga-operator-manager';
/** Hosts renew their Leases every 10 s, the manager its own every 2 s. */
const secondLookMs = 13_000;

/** Looks at everything, as far as the caller may. Takes a quarter of a minute longer where a heartbeat looks old. */
export async function observe(session: Session, { namespace, operatorNamespace }: WhatToObserve): Promise<Observed> {
  const { cluster, server, signal, clock } = session;
  const serverVersion = await seen(async () => {
    const { gitVersion } = await cluster.read<{ gitVersion: string }>('/version', { signal });
    return gitVersion;
  });
  const where = { ...(namespace !== undefined && { namespace }), signal };
  const [kinds, missing, hosts, found, rights] = await Promise.all([
    seen(() => servedPlurals((path) => cluster.read(path, { signal }), { group, version: apiVersion })),
    seen(() => fieldsNotServed(cluster, signal)),
    seen(async () => (await cluster.list(guestHosts, { signal })).items),
    seen(async () => (await cluster.list(guests, where)).items),
    rightsOf(session, namespace),
  ]);
  const all = valueOf(hosts) ?? [];
  const [lead, ofHosts] = await Promise.all([
    lookForManager(session, operatorNamespace, all),
    Promise.all(all.map((host) => seen(() => lookAtHost(session, host)))),
  ]);
  return {
    server,
    serverVersion,
    kinds,
    missingFields: missing,
    operatorNamespace: lead.namespace,
    manager: lead.manager,
    hosts,
    hostLeases: new Map(all.map(({ metadata }, n) => [metadata.name, ofHosts[n] as Seen<SeenLease>])),
    guests: found,
    namespace,
    rights,
    version,
    now: clock.now(),
  };
}

async function seen<T>(look: () => Promise<T>): Promise<Seen<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    if (error instanceof ApiError) return { refused: error.message };
    throw error;
  }
}

/** Where the manager's Lease is: beside the hosts', unless somebody put it elsewhere. */
async function lookForManager(
  session: Session,
  namespace: string | undefined,
  hosts: readonly GuestHost[],
): Promise<{ namespace: string; manager: Seen<SeenLease> }> {
  const ofHosts = hosts.find(({ status }) => status?.lease)?.status?.lease?.namespace;
  const candidates = namespace === undefined ? [ofHosts ?? usualNamespace, usualNamespace] : [namespace];
  const looks = await Promise.all(
    [...new Set(candidates)].map(async (each) => ({
      namespace: each,
      manager: await seen(() => lookAtLease(session, { namespace: each, name: managerLease })),
    })),
  );
  const found = looks.find(({ manager }) => valueOf(manager)?.lease !== undefined);
  return found ?? (looks.at(-1) as (typeof looks)[number]);
}

async function lookAtHost(session: Session, { status }: GuestHost): Promise<SeenLease> {
  return status?.lease ? await lookAtLease(session, status.lease) : { lease: undefined, alive: false };
}

/** A heartbeat that looks old is looked at again: clocks may differ. */
async function lookAtLease(session: Session, ref: ObjectRef): Promise<SeenLease> {
  const { clock, signal } = session;
  const lease = await readLease(session, ref);
  if (!lease?.spec.holderIdentity) return { lease, alive: false };
  if (isFresh(lease, clock.now())) return { lease, alive: true };
  await clock.sleep(secondLookMs, signal);
  const again = await readLease(session, ref);
  return { lease: again, alive: again !== undefined && again.spec.renewTime !== lease.spec.renewTime };
}

async function readLease({ cluster, signal }: Session, ref: ObjectRef): Promise<Lease | undefined> {
  try {
    return await cluster.get(leases, ref, { signal });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function isFresh({ spec }: Lease, now: number): boolean {
  const age = now - Date.parse(spec.renewTime ?? '');
  return Math.abs(age) < (spec.leaseDurationSeconds ?? 40) * 1000;
}

async function rightsOf(session: Session, namespace: string | undefined): Promise<Right[]> {
  return await Promise.all(askedRights.map((right) => askForRight(session, right, namespace)));
}

async function askForRight(
  { cluster, signal }: Session,
  right: Omit<Right, 'allowed'>,
  namespace: string | undefined,
): Promise<Right> {
  const review: AccessReview = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    metadata: { name: '' },
    spec: { resourceAttributes: { ...right, ...(namespace !== undefined && { namespace }) } },
  };
  try {
    const { status } = await cluster.create(accessReviews, review, { signal });
    return { ...right, allowed: status?.allowed ?? false };
  } catch (error) {
    if (error instanceof ApiError) return { ...right, allowed: false };
    throw error;
  }
}
