import type { Guest } from '../api/resources.ts';
import { findCondition, isTrue } from '../kube/conditions.ts';
import { since } from './print/elapsed.ts';
import type { Cell } from './print/table.ts';

interface Column {
  heading: string;
  cell(guest: Guest, now: number): Cell;
}

const columns: readonly Column[] = [
  { heading: 'NAME', cell: ({ metadata }) => metadata.name },
  { heading: 'STATE', cell: stateCell },
  { heading: 'AGENT', cell: agentCell },
  { heading: 'FROZEN', cell: frozenCell },
  { heading: 'BUSY', cell: busyCell },
  { heading: 'OS', cell: ({ status }) => status?.os?.prettyName },
  { heading: 'ADDRESSES', cell: ({ status }) => shortList(status?.addresses) },
];

const namespaceColumn: Column = { heading: 'NAMESPACE', cell: ({ metadata }) => metadata.namespace };
const ageColumn: Column = { heading: 'AGE', cell: ({ metadata }, now) => since(metadata.creationTimestamp, now) };

const wideColumns: readonly Column[] = [
  { heading: 'NODE', cell: ({ status }) => status?.node },
  { heading: 'HOSTNAME', cell: ({ status }) => status?.hostname },
  { heading: 'DOMAIN', cell: ({ status }) => status?.domain?.name },
  { heading: 'AGENT-VERSION', cell: ({ status }) => status?.agent?.version },
  { heading: 'VCPUS', cell: ({ status }) => (status?.vcpus?.online ?? status?.vcpus?.configured)?.toString() },
  { heading: 'MEMORY', cell: ({ status }) => (status?.memoryMiB === undefined ? undefined : `${status.memoryMiB}Mi`) },
  { heading: 'KERNEL', cell: ({ status }) => status?.os?.kernelRelease },
  { heading: 'BLOCKED', cell: ({ status }) => String(status?.agent?.blockedCommands?.length ?? 0) },
];

/** A table of guests: its headings and rows. `now` in milliseconds since the epoch. */
export function guestTable(
  guests: readonly Guest[],
  { wide, withNamespace, now }: { wide: boolean; withNamespace: boolean; now: number },
): { headings: string[]; rows: Cell[][] } {
  const shown = [...(withNamespace ? [namespaceColumn] : []), ...columns, ...(wide ? wideColumns : []), ageColumn];
  return {
    headings: shown.map(({ heading }) => heading),
    rows: guests.map((guest) => shown.map(({ cell }) => cell(guest, now))),
  };
}

function stateCell({ status }: Guest): Cell {
  const { state } = status?.domain ?? {};
  return { text: state, style: isTrue(status?.conditions, 'Running') ? 'green' : 'dim' };
}

/** `ok`, or in one word why the agent can't be spoken to. */
function agentCell({ status }: Guest): Cell {
  const condition = findCondition(status?.conditions, 'AgentConnected');
  if (!condition) return undefined;
  if (condition.status === 'True') return { text: 'ok', style: 'green' };
  if (condition.reason === 'DomainNotRunning') return { text: '-', style: 'dim' };
  return { text: condition.reason, style: condition.status === 'False' ? 'red' : 'yellow' };
}

function frozenCell({ status }: Guest): Cell {
  const condition = findCondition(status?.conditions, 'Frozen');
  if (condition?.status === 'True') return { text: condition.reason === 'Held' ? 'yes' : 'BySomebody', style: 'cyan' };
  if (condition?.reason === 'ThawOwed') return { text: 'ThawOwed', style: 'red' };
  return { text: condition?.status === 'False' ? 'no' : '?', style: 'dim' };
}

/** The task that has the guest for itself, or that a person suspended it. */
function busyCell({ metadata, spec, status }: Guest): Cell {
  const task = status?.busyWith?.replace(`${metadata.namespace}/`, '');
  if (task !== undefined) return { text: task, style: 'cyan' };
  return spec?.suspend ? { text: 'suspended', style: 'yellow' } : { text: '-', style: 'dim' };
}

function shortList(all: readonly string[] = []): string {
  const more = all.length > 2 ? ` +${all.length - 2}` : '';
  return all.slice(0, 2).join(',') + more;
}
