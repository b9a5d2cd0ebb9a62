import type { KubeObject, Resource } from '../kube/objects.ts';
import type { FsFreezeWindowSpec, FsFreezeWindowStatus } from './schema/fs-freeze-window.ts';
import type { GuestSpec, GuestStatus } from './schema/guest.ts';
import type { GuestExecJobSpec, GuestExecJobStatus } from './schema/guest-exec-job.ts';
import type { GuestHostSpec, GuestHostStatus } from './schema/guest-host.ts';
import type { GuestTaskSpec, GuestTaskStatus } from './schema/guest-task.ts';
import type { PasswordRotationSpec, PasswordRotationStatus } from './schema/password-rotation.ts';

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
/** Guests' filesystems held still while a backup is taken, once or on a schedule. */
export type FsFreezeWindow = QgaObject<FsFreezeWindowSpec, FsFreezeWindowStatus>;
/** Passwords of one account in guests, made, set, verified and kept in Secrets. */
export type PasswordRotation = QgaObject<PasswordRotationSpec, PasswordRotationStatus>;

function resource<T extends KubeObject>(kind: string, plural: string, namespaced = true): Resource<T> {
  return { group, version, kind, plural, namespaced };
}

export const guests = resource<Guest>('Guest', 'guests');
export const guestHosts = resource<GuestHost>('GuestHost', 'guesthosts', false);
export const guestTasks = resource<GuestTask>('GuestTask', 'guesttasks');
export const guestExecJobs = resource<GuestExecJob>('GuestExecJob', 'guestexecjobs');
export const fsFreezeWindows = resource<FsFreezeWindow>('FsFreezeWindow', 'fsfreezewindows');
export const passwordRotations = resource<PasswordRotation>('PasswordRotation', 'passwordrotations');

/** On a Guest: the domain's UUID, its identity. */
export const domainUuidLabel = `${group}/domain-uuid`;
/** On a GuestTask, a window made by a schedule and a VolumeSnapshot: the metadata.uid of the object it was made for. */
export const ownerUidLabel = `${group}/owner-uid`;
/** On a GuestTask: the Guest it is for. */
export const guestLabel = `${group}/guest`;
/** On a Guest: the names of those of its labels that are its domain's metadata's, with commas between. */
export const metadataLabelsAnnotation = `${group}/metadata-labels`;
/** On a Guest: any new value asks for a look at all of it now. */
export const refreshAnnotation = `${group}/refresh`;
/** On a Guest: any new value asks for its agent channel to be plugged in anew. */
export const repairAnnotation = `${group}/repair-channel`;
/** On a VolumeSnapshot: the FsFreezeWindow in which it was taken. */
export const windowLabel = `${group}/freeze-window`;
/** On a VolumeSnapshot: what it is worth, by the window's verdict. */
export const verdictLabel = `${group}/verdict`;
/** On an FsFreezeWindow: the instant of the schedule that it was made for. */
export const scheduledAtAnnotation = `${group}/scheduled-at`;
/** On an FsFreezeWindow: chosen by chance by who released it, who so knows its release again when the answer was lost. */
export const releaseIdAnnotation = `${group}/release-id`;
/** On a GuestTask that its owner released, and that nobody had released or deleted before. */
export const releasedByOwnerAnnotation = `${group}/released-by-owner`;
/** On an FsFreezeWindow while its guests may be frozen: it goes when they are thawed. */
export const thawFinalizer = `${group}/thaw`;
/** On a Secret: the PasswordRotation that writes it. */
export const passwordRotationLabel = `${group}/password-rotation`;
/** On a PasswordRotation, or on one of its Secrets: any new value rotates at once, and takes parked guests up again. */
export const rotateNowAnnotation = `${group}/rotate-now`;
/** On a Lease: the GuestHost that renews it. */
export const hostLabel = `${group}/host`;
