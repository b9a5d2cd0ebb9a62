import type { Kind, PrinterColumn } from './crd.ts';
import { fsFreezeWindows, guestExecJobs, guestHosts, guests, guestTasks, passwordRotations } from './resources.ts';
import { fsFreezeWindowRules, fsFreezeWindowSpec, fsFreezeWindowStatus } from './schema/fs-freeze-window.ts';
import { guestSpec, guestStatus } from './schema/guest.ts';
import { guestExecJobSpec, guestExecJobStatus } from './schema/guest-exec-job.ts';
import { guestHostSpec, guestHostStatus } from './schema/guest-host.ts';
import { guestTaskSpec, guestTaskStatus } from './schema/guest-task.ts';
import { passwordRotationSpec, passwordRotationStatus } from './schema/password-rotation.ts';

const age: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };

function column(name: string, jsonPath: string, more: Partial<PrinterColumn> = {}): PrinterColumn {
  return { name, type: 'string', jsonPath, ...more };
}

const wide = { priority: 1 };

/** Every kind of the API: what `crds/` is generated from. */
export const kinds: Kind[] = [
  {
    resource: guests,
    description: 'What the cluster knows of one libvirt domain: written by the agent that runs it, read by people.',
    shortNames: ['gst'],
    spec: guestSpec,
    specOptional: true,
    status: guestStatus,
    columns: [
      column('Node', '.status.node'),
      column('State', '.status.domain.state'),
      column('Agent', '.status.conditions[?(@.type=="AgentConnected")].status'),
      column('OS', '.status.os.prettyName'),
      column('Address', '.status.addresses[0]'),
      column('Agent-Version', '.status.agent.version', wide),
      column('Hostname', '.status.hostname', wide),
      column('Domain', '.status.domain.name', wide),
      age,
    ],
    selectableFields: ['.status.node'],
  },
  {
    resource: guestHosts,
    description: 'What one agent says of its hypervisor. Its Lease is its heartbeat.',
    shortNames: ['gh'],
    spec: guestHostSpec,
    specOptional: true,
    status: guestHostStatus,
    columns: [
      column('Ready', '.status.conditions[?(@.type=="Ready")].status'),
      column('Guests', '.status.guests.total', { type: 'integer' }),
      column('Running', '.status.guests.running', { type: 'integer' }),
      column('Agents', '.status.guests.agentConnected', { type: 'integer' }),
      column('Libvirt', '.status.libvirt.version'),
      column('Hypervisor', '.status.hypervisorVersion', wide),
      column('URI', '.status.libvirt.uri', wide),
      column('Reason', '.status.conditions[?(@.type=="Ready")].reason', wide),
      age,
    ],
  },
  {
    resource: guestTasks,
    description: 'One action on one guest, carried out by the agent of the node that runs it.',
    shortNames: ['gtask'],
    spec: guestTaskSpec,
    status: guestTaskStatus,
    columns: [
      column('Guest', '.spec.guestName'),
      column('Node', '.spec.nodeName'),
      column('Phase', '.status.phase'),
      column('Reason', '.status.reason'),
      column('Exit', '.status.exec.exitCode', { type: 'integer' }),
      column('Message', '.status.message', wide),
      age,
    ],
    selectableFields: ['.spec.nodeName', '.spec.guestName'],
  },
  {
    resource: guestExecJobs,
    description: 'A command to run in one guest or in a fleet of them.',
    shortNames: ['gxj'],
    spec: guestExecJobSpec,
    status: guestExecJobStatus,
    columns: [
      column('Status', '.status.phase'),
      column('Succeeded', '.status.completions'),
      column('Failed', '.status.failed', { type: 'integer' }),
      column('Unknown', '.status.unknown', { type: 'integer', ...wide }),
      column('Skipped', '.status.skipped', { type: 'integer', ...wide }),
      column('Running', '.status.active', { type: 'integer' }),
      column('Waiting', '.status.waiting', { type: 'integer' }),
      column('Message', '.status.conditions[?(@.type=="Complete")].message', wide),
      age,
    ],
  },
  {
    resource: fsFreezeWindows,
    description: "Guests' filesystems held still while a backup is taken, and always let go. Once, or on a schedule.",
    shortNames: ['ffw'],
    spec: fsFreezeWindowSpec,
    status: fsFreezeWindowStatus,
    validations: fsFreezeWindowRules,
    columns: [
      column('Phase', '.status.phase'),
      column('Guests', '.status.guestsFrozen'),
      column('Verdict', '.status.verdict'),
      column('Reason', '.status.failureReason'),
      column('Frozen-For', '.status.frozenFor', wide),
      column('Skew-ms', '.status.skewMilliseconds', { type: 'integer', ...wide }),
      column('Schedule', '.spec.schedule', wide),
      column('Next', '.status.nextScheduleTime'),
      column('Message', '.status.conditions[?(@.type=="Completed")].message', wide),
      age,
    ],
  },
  {
    resource: passwordRotations,
    description:
      'The passwords of an account in one guest or in a fleet of them: made, set, verified and kept in Secrets.',
    shortNames: ['pwr'],
    spec: passwordRotationSpec,
    status: passwordRotationStatus,
    columns: [
      column('User', '.spec.username'),
      column('Rotated', '.status.rotated'),
      column('Next', '.status.next'),
      column('Parked', '.status.parked', { type: 'integer' }),
      column('Drifted', '.status.drifted', { type: 'integer' }),
      column('Last', '.status.lastRotationTime', { type: 'date' }),
      column('Next-Time', '.status.nextRotationTime', wide),
      column('Waiting', '.status.waiting', { type: 'integer', ...wide }),
      column('Active', '.status.active', { type: 'integer', ...wide }),
      column('Message', '.status.conditions[?(@.type=="Ready")].message', wide),
      age,
    ],
  },
];
