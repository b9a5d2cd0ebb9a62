/** One line of the table: the operator, and whoever does the same. */
export interface Row {
  what: string;
  operator: string;
  script?: string;
  ansible?: string;
  client?: string;
  aim?: string;
  met?: boolean;
}

/** The first lines of the results as a Markdown table. */
export const tableHead = `| | qga-operator | virsh script | Ansible | bare client | aim | met |
|---|---:|---:|---:|---:|---|---|`;

export function tableRow({ what, operator, script = '', ansible = '', client = '', aim = '', met }: Row): string {
  const verdict = met === undefined ? '' : met ? 'yes' : '**no**';
  return `| ${[what, operator, script, ansible, client, aim, verdict].join(' | ')} |`;
}

/** Requests as "3 × create guesttasks, …". */
export function listed(requests: readonly (readonly [string, number])[]): string {
  return requests.map(([what, count]) => `${count} × ${what}`).join(', ') || 'none';
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

export function mebibytes(...values: number[]): string {
  return `${values.map(Math.round).join(' / ')} MiB`;
}

export function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
