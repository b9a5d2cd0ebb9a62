import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The API server's own account of who asked for what. */
export interface AuditLog {
  /** The flags with which kube-apiserver keeps it. */
  readonly apiServerArguments: readonly string[];
  /** Where the log stands now. */
  mark(): number;
  /** Requests since the mark of clients whose user agent begins so, counted by what they are: "update leases". */
  requestsSince(mark: number, userAgent: string): Map<string, number>;
}

interface AuditEvent {
  stage: string;
  verb: string;
  userAgent?: string;
  objectRef?: { resource: string; subresource?: string };
  responseStatus?: { code?: number };
}

const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
`;

/** Prepares a log in `dir`. */
export async function prepareAuditLog(dir: string): Promise<AuditLog> {
  const policyFile = join(dir, 'audit-policy.yaml');
  const logFile = join(dir, 'audit.log');
  await writeFile(policyFile, policy);
  const events = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8').split('\n').filter(Boolean) : []);
  return {
    apiServerArguments: [`--audit-policy-file=${policyFile}`, `--audit-log-path=${logFile}`],
    mark: () => events().length,
    requestsSince(mark, userAgent) {
      const counts = new Map<string, number>();
      for (const line of events().slice(mark)) {
        const event: AuditEvent = JSON.parse(line);
        if (!event.userAgent?.startsWith(userAgent) || !isCounted(event)) continue;
        const what = nameOf(event);
        counts.set(what, (counts.get(what) ?? 0) + 1);
      }
      return counts;
    },
  };
}

/** Each request once: a watch when it starts, since it may outlive the measurement, any other when it is done. */
function isCounted({ stage, verb }: AuditEvent): boolean {
  return stage === (verb === 'watch' ? 'ResponseStarted' : 'ResponseComplete');
}

function nameOf({ verb, objectRef, responseStatus }: AuditEvent): string {
  const resource = [objectRef?.resource, objectRef?.subresource].filter(Boolean).join('/');
  const refused = (responseStatus?.code ?? 200) >= 400 ? ` (refused: ${responseStatus?.code})` : '';
  return `${verb} ${resource || 'other'}${refused}`;
}
