import type { KubeObject, Resource } from '../kube/objects.ts';
import type { GuestSpec, GuestStatus } from './schema/guest.ts';
import type { GuestExecJobSpec, GuestExecJobStatus } from './schema/guest-exec-job.ts';
import type { GuestHostSpec, GuestHostStatus } from './schema/guest-host.ts';
import type { GuestTaskSpec, GuestTaskStatus } from './schema/guest-task.ts';

export const group = 'qga.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;

interface QgaObject<Spec, Status> extends KubeObject {
  spec: Spec;
  status?: Status;
}

/** What the cluster knows of one libvirt domain; written by the agent that runs it. */
export type Guest = Omit<QgaObject<GuestSpec, GuestStatus>, 'spec'> & { spec?: GuestSpec };
/** What one agent says of its hypervisor. */
export type GuestHost = Omit<QgaObject<GuestHostSpec, GuestHostStatus>, 'spec'> & { spec?: GuestHostSpec };
/** One action on one guest. */
export type GuestTask = QgaObject<GuestTaskSpec, GuestTaskStatus>;
/** A command to run in one guest or in a fleet of them. */
export type GuestExecJob = QgaObject<GuestExecJobSpec, GuestExecJobStatus>;

function resource<T extends KubeObject>(kind: string, plural: string, namespaced = true): Resource<T> {
  return { group, version, kind, plural, namespaced };
}

export const guests = resource<Guest>('Guest', 'guests');
export const guestHosts = resource<GuestHost>('GuestHost', 'guesthosts', false);
export const guestTasks = resource<GuestTask>('GuestTask', 'guesttasks');
export const guestExecJobs = resource<GuestExecJob>('GuestExecJob', 'guestexecjobs');

/** On a Guest: the domain's UUID, its identity. */
export const domainUuidLabel = `${group}/domain-uuid`;
/** On a GuestTask: the metadata.uid of the object it was made for. */
export const ownerUidLabel = `${group}/owner-uid`;
/** On a GuestTask: the Guest it is for. */
export const guestLabel = `${group}/guest`;
/** On a Lease: the GuestHost that renews it. */
export const hostLabel = `${group}/host`;
