import type { Guest } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { Finding } from './finding.ts';
import type { Observed } from './observed.ts';

const topic = 'Guests';

/** Without these something that people ask for can't be done. */
const needed: readonly { commands: RegExp; what: string }[] = [
  { commands: /^guest-exec(-status)?$/, what: 'commands' },
  { commands: /^guest-file-/, what: 'files' },
  { commands: /^guest-fsfreeze-/, what: 'freezes' },
  { commands: /^guest-set-user-password$/, what: 'passwords' },
];

/** How the guests and their agents are. */
export function diagnoseGuests({ guests, namespace }: Observed): Finding[] {
  if ('refused' in guests) return [{ topic, level: 'wrong', what: `not looked at: ${guests.refused}` }];
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  if (guests.value.length === 0) {
    const todo = "kubectl qga get -A shows all; a domain's metadata says which namespace it belongs to";
    return [{ topic, level: 'note', what: `there are none${where}`, todo }];
  }
  const findings = guests.value.flatMap(diagnoseGuest);
  const sick = new Set(findings.filter(({ level }) => level === 'wrong').map(({ what }) => what.split(':')[0]));
  const off = guests.value.filter((guest) => conditionOf(guest, 'Running')?.status === 'False').length;
  const well = guests.value.length - sick.size - off;
  const rest = off > 0 ? `, ${off} are off` : '';
  return [{ topic, level: 'ok', what: `${well} of ${guests.value.length} are well${rest}${where}` }, ...findings];
}

function diagnoseGuest(guest: Guest): Finding[] {
  const { name, namespace } = guest.metadata;
  const { spec, status } = guest;
  const findings: Finding[] = [];
  const add = (level: Finding['level'], what: string, todo?: string) =>
    findings.push({ topic, level, what: `${name}: ${what}`, todo });

  const agent = conditionOf(guest, 'AgentConnected');
  const channel = conditionOf(guest, 'ChannelHealthy');
  const frozen = conditionOf(guest, 'Frozen');
  const runs = conditionOf(guest, 'Running')?.status === 'True';
  if (channel?.status === 'False') {
    add('wrong', channel.message, repairAdvice(guest));
  } else if (runs && agent?.status === 'False' && agent.reason !== 'AgentNotAskedYet') {
    add('wrong', agent.message, adviceOf[agent.reason]);
  }
  if (conditionOf(guest, 'ThawOwed')?.status === 'True') {
    add('wrong', 'nobody knows whether it is frozen', 'it is thawed as soon as it can be reached; is its host well?');
  } else if (frozen?.status === 'True' && frozen.reason !== 'Held') {
    add(
      'wrong',
      frozen.message,
      `find out by whom; kubectl qga thaw ${name} -n ${namespace} --force when it was forgotten`,
    );
  }
  const blocked = status?.agent?.blockedCommands ?? [];
  const lost = needed.filter(({ commands }) => blocked.some((each) => commands.test(each))).map(({ what }) => what);
  if (lost.length > 0) {
    const names = blocked.filter((each) => needed.some(({ commands }) => commands.test(each)));
    add('warning', `no ${lost.join(', ')}: its agent has ${names.join(', ')} switched off`, status?.agent?.unblock);
  }
  if (spec?.suspend) add('note', 'it is suspended (spec.suspend): nothing new is started there');
  return findings;
}

const adviceOf: Record<string, string> = {
  AgentUnresponsive: 'is the guest overloaded, or its agent stuck? systemctl restart qemu-guest-agent there',
};

function repairAdvice({ metadata, spec }: Guest): string {
  const how = `kubectl annotate guest ${metadata.name} -n ${metadata.namespace} --overwrite qga.dev/repair-channel="$(date)"`;
  return spec?.channelRepair === 'Manual'
    ? how
    : `it is mended by itself unless its agent's --channel-repair is Manual: ${how}`;
}

function conditionOf({ status }: Guest, type: string) {
  return findCondition(status?.conditions, type);
}
