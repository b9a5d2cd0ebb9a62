import type { Kind, PrinterColumn } from './crd.ts';
import { guestExecJobs, guestHosts, guests, guestTasks } from './resources.ts';
import { guestSpec, guestStatus } from './schema/guest.ts';
import { guestExecJobSpec, guestExecJobStatus } from './schema/guest-exec-job.ts';
import { guestHostSpec, guestHostStatus } from './schema/guest-host.ts';
import { guestTaskSpec, guestTaskStatus } from './schema/guest-task.ts';

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
      column('Running', '.status.active', { type: 'integer' }),
      column('Waiting', '.status.waiting', { type: 'integer' }),
      column('Message', '.status.conditions[?(@.type=="Complete")].message', wide),
      age,
    ],
  },
];
