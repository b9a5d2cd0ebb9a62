import type { GuestHost } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { Finding } from './finding.ts';
import { type Observed, valueOf } from './observed.ts';

const topic = 'Hosts';

/** How the hypervisors and their agents are. */
export function diagnoseHosts(observed: Observed): Finding[] {
  const { hosts, operatorNamespace } = observed;
  if ('refused' in hosts) {
    const todo = 'a ClusterRoleBinding to the ClusterRole qga-viewer lets you see hosts, which are in no namespace';
    return [{ topic, level: 'note', what: `not looked at: ${hosts.refused}`, todo }];
  }
  if (hosts.value.length === 0) {
    const todo = `is an agent running on each hypervisor? kubectl -n ${operatorNamespace} get pods -o wide, and its /readyz`;
    return [{ topic, level: 'wrong', what: 'no agent has ever reported a host', todo }];
  }
  return hosts.value.flatMap((host) => diagnoseHost(host, observed));
}

function diagnoseHost(host: GuestHost, observed: Observed): Finding[] {
  const { metadata, status } = host;
  const { name } = metadata;
  const findings: Finding[] = [];
  const wrong = (what: string, todo: string) =>
    findings.push({ topic, level: 'wrong', what: `${name}: ${what}`, todo });

  const ready = findCondition(status?.conditions, 'Ready');
  const libvirt = findCondition(status?.conditions, 'LibvirtConnected');
  const owed = findCondition(status?.conditions, 'ThawOwed');
  const lease = observed.hostLeases.get(name);
  const silent = ready?.status === 'Unknown' || (lease && valueOf(lease)?.alive === false);
  if (silent) {
    wrong(
      'its agent has fallen silent',
      `is the host up, does its agent run and reach the API server? kubectl delete guesthost ${name} when it won't come back`,
    );
  } else if (libvirt?.status === 'False') {
    wrong(
      `its agent can't reach libvirt: ${libvirt.message}`,
      'is libvirtd running, and its socket in the agent’s pod?',
    );
  } else if (ready?.status === 'False') wrong(`it is not ready: ${ready.message}`, 'see the log of its agent');
  if (owed?.status === 'True') {
    wrong(owed.message, 'is libvirtd running, do the guests’ agents answer? It is tried until it is settled');
  }
  if (!status?.sealingKey) {
    findings.push({
      topic,
      level: 'warning',
      what: `${name}: it has no sealing key, so tasks that take something from Secrets wait`,
      todo: 'see the /readyz of its agent',
    });
  }
  if (findings.length === 0) findings.push({ topic, level: 'ok', what: `${name}: ${wellWords(host)}` });
  const version = status?.agent?.version;
  if (version !== undefined && version !== observed.version) {
    const what = `${name}: its agent is version ${version}, this is kubectl qga ${observed.version}`;
    findings.push({ topic, level: 'note', what, todo: 'bring both to the same version' });
  }
  return findings;
}

function wellWords({ status }: GuestHost): string {
  const { libvirt, guests } = status ?? {};
  const version = libvirt?.version === undefined ? '' : `libvirt ${libvirt.version}, `;
  const { total = 0, running = 0, agentConnected = 0 } = guests ?? {};
  return `${version}${total} guests, ${running} running, ${agentConnected} agents connected`;
}
