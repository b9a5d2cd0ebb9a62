import { listed } from '../../api/listed.ts';
import {
  fsFreezeWindows,
  guestExecJobs,
  guestHosts,
  guests,
  guestTasks,
  passwordRotations,
} from '../../api/resources.ts';
import { since } from '../print/elapsed.ts';
import { diagnoseGuests } from './diagnose-guests.ts';
import { diagnoseHosts } from './diagnose-hosts.ts';
import { diagnoseRights } from './diagnose-rights.ts';
import { type Finding, topics } from './finding.ts';
import { type Observed, valueOf } from './observed.ts';

const allKinds = [guests, guestHosts, guestTasks, guestExecJobs, fsFreezeWindows, passwordRotations];

/** What is well and what is not, and what to do about it; in the order of the topics. */
export function diagnose(observed: Observed): Finding[] {
  const found = [
    ...diagnoseServer(observed),
    ...diagnoseKinds(observed),
    ...diagnoseManager(observed),
    ...diagnoseHosts(observed),
    ...diagnoseGuests(observed),
    ...diagnoseRights(observed),
  ];
  return found.toSorted((a, b) => topics.indexOf(a.topic) - topics.indexOf(b.topic));
}

function diagnoseServer({ server, serverVersion }: Observed): Finding[] {
  const topic = 'API server';
  if ('value' in serverVersion) return [{ topic, level: 'ok', what: `${server} answers (${serverVersion.value})` }];
  const todo = 'see the kubeconfig: kubectl cluster-info';
  return [{ topic, level: 'wrong', what: `${server}: ${serverVersion.refused}`, todo }];
}

const installKinds = 'install the CRDs of this version: kubectl apply --server-side -f crds/, or the Helm chart';

function diagnoseKinds({ kinds, missingFields, version }: Observed): Finding[] {
  const topic = 'Kinds';
  if ('refused' in kinds) return [{ topic, level: 'wrong', what: kinds.refused }];
  const missing = allKinds.filter(({ plural }) => !kinds.value.includes(plural)).map(({ plural }) => plural);
  if (missing.length > 0) {
    const what = `qga.dev/v1alpha1 does not serve ${missing.join(', ')}`;
    return [{ topic, level: 'wrong', what, todo: installKinds }];
  }
  const old = [...(valueOf(missingFields) ?? [])].filter(([, fields]) => fields.length > 0);
  if (old.length === 0) return [{ topic, level: 'ok', what: 'qga.dev/v1alpha1 serves all kinds' }];
  return old.map(([plural, fields]) => {
    const some = listed(fields);
    const what = `${plural}: of what version ${version} has, the API server doesn't know ${some}: it drops that without a word`;
    return { topic, level: 'wrong', what, todo: installKinds };
  });
}

function diagnoseManager({ manager, operatorNamespace, now }: Observed): Finding[] {
  const topic = 'Manager';
  if ('refused' in manager) {
    const what = `not looked at: ${manager.refused}`;
    return [{ topic, level: 'note', what, todo: `it takes the right to read Leases in ${operatorNamespace}` }];
  }
  const { lease, alive } = manager.value;
  const todo = `kubectl -n ${operatorNamespace} get pods, and their logs; another namespace goes by --operator-namespace`;
  if (!lease) {
    return [{ topic, level: 'wrong', what: `none has ever led: no Lease in namespace ${operatorNamespace}`, todo }];
  }
  const { holderIdentity, renewTime } = lease.spec;
  if (!holderIdentity) return [{ topic, level: 'wrong', what: 'none leads: the last one has left', todo }];
  if (alive) return [{ topic, level: 'ok', what: `${holderIdentity} leads` }];
  const ago = since(renewTime, now) ?? 'some time';
  return [{ topic, level: 'wrong', what: `none leads: ${holderIdentity} fell silent ${ago} ago`, todo }];
}
