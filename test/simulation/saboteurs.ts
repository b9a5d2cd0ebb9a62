import { type GuestTask, guestTasks } from '../../src/api/resources.ts';
import { isExpired } from '../../src/kube/errors.ts';
import type { KubeObject } from '../../src/kube/objects.ts';
import { LibvirtError, virErrorNumber } from '../../src/libvirt/errors.ts';
import { type Saboteur, unharmed } from './saboteur.ts';

const unanswered: ReadonlySet<number> = new Set([
  virErrorNumber.AGENT_COMMAND_TIMEOUT,
  virErrorNumber.AGENT_UNRESPONSIVE,
]);

/** Precautions that the programs take, each undone by a saboteur who stands at a seam. */
export const saboteurs: Record<string, Saboteur> = {
  'the intent is not journalled before the guest is touched': {
    ...unharmed,
    journal: (file) => ({
      ...file,
      append: (text) => file.append(linesWithout(text, '"state":"sending"')),
    }),
  },
  'a task is claimed whatever became of it meanwhile': {
    ...unharmed,
    cluster: (cluster, server) =>
      instead(cluster, {
        replaceStatus: (resource, object, options) => {
          if ((object as { status?: { phase?: string } }).status?.phase !== 'Claimed') {
            return cluster.replaceStatus(resource, object, options);
          }
          const { resourceVersion } = server.get(resource, object.metadata).metadata;
          const metadata = { ...object.metadata, ...(resourceVersion && { resourceVersion }) };
          return cluster.replaceStatus(resource, { ...object, metadata }, options);
        },
      }),
  },
  'a missing claim counts as proof that nothing was started, in whichever boot': {
    ...unharmed,
    hypervisor: (hypervisor) => {
      const boots = new Map<string, string>();
      const sentIn = new Map<string, string>();
      return instead(hypervisor, {
        async agentCommand(uuid, command, options) {
          const { execute, id } = readCommand(command);
          const boot = boots.get(uuid);
          if (execute === 'guest-exec' && boot && !sentIn.has(id)) sentIn.set(id, boot);
          const unconditional = withScript(command, (script) => script.replace(/^\[ "\$_qga_boot" = .+\n/m, ''));
          const reply = await hypervisor.agentCommand(uuid, unconditional, options);
          const { 'buf-b64': file } = readAnswer(reply);
          if (file) boots.set(uuid, fromBase64(file).trim());
          return withReport(reply, (report) =>
            report.replace(/^qga1 (\S+) absent \S+/, (_, run: string) => `qga1 ${run} absent ${sentIn.get(run)}`),
          );
        },
      });
    },
  },
  'a report is taken for the run that was asked for, whoever wrote it': {
    ...unharmed,
    hypervisor: (hypervisor) => {
      const runs = new Map<string, string>();
      return instead(hypervisor, {
        async agentCommand(uuid, command, options) {
          const reply = await hypervisor.agentCommand(uuid, command, options);
          const { execute, id, pid } = readCommand(command);
          if (execute === 'guest-exec') runs.set(`${uuid} ${readAnswer(reply).pid}`, id);
          const asked = runs.get(`${uuid} ${pid}`);
          if (execute !== 'guest-exec-status' || !asked) return reply;
          return withReport(reply, (report) => report.replace(/^qga1 \S+/, `qga1 ${asked}`));
        },
      });
    },
  },
  'what was sent and not answered is taken for not sent': {
    ...unharmed,
    hypervisor: (hypervisor) =>
      instead(hypervisor, {
        async agentCommand(uuid, command, options) {
          try {
            return await hypervisor.agentCommand(uuid, command, options);
          } catch (error) {
            if (!(error instanceof LibvirtError) || !unanswered.has(error.code)) throw error;
            const { domain, level } = error;
            const message = 'QEMU guest agent is not connected';
            throw new LibvirtError({ code: virErrorNumber.AGENT_UNRESPONSIVE, domain, level, message });
          }
        },
      }),
  },
  'a task is named anew each time it is made': {
    ...unharmed,
    cluster: (cluster, server) =>
      instead(cluster, {
        create: (resource, object, options) => {
          if (resource.plural !== guestTasks.plural) return cluster.create(resource, object, options);
          const metadata = { ...object.metadata, name: `${object.metadata.name}-${server.version}` };
          return cluster.create(resource, { ...object, metadata }, options);
        },
      }),
  },
  'a freeze is not in the journal when it is sent': {
    ...unharmed,
    journal: (file) => ({
      ...file,
      append: (text) => file.append(linesWithout(text, '"stage":"planned"')),
    }),
  },
  'a guard is armed for far too late': {
    ...unharmed,
    hypervisor: (hypervisor) =>
      instead(hypervisor, {
        agentCommand: (uuid, command, options) => {
          const late = withScript(command, (script) => script.replace(/(guard "\$_mark" \S+) \d+/, '$1 99999'));
          return hypervisor.agentCommand(uuid, late, options);
        },
      }),
  },
  'the count of a thaw is not held against that of the freeze': {
    ...unharmed,
    hypervisor: (hypervisor) => {
      const counts = new Map<string, number>();
      return instead(hypervisor, {
        async fsFreeze(uuid, options) {
          const count = await hypervisor.fsFreeze(uuid, options);
          counts.set(uuid, count);
          return count;
        },
        async fsThaw(uuid, options) {
          const count = await hypervisor.fsThaw(uuid, options);
          return counts.get(uuid) ?? count;
        },
      });
    },
  },
  'an outcome counts as delivered though its write failed': {
    ...unharmed,
    cluster: (cluster) =>
      instead(cluster, {
        replaceStatus: async (resource, object, options) => {
          try {
            return await cluster.replaceStatus(resource, object, options);
          } catch (error) {
            if (!(object as { status?: { completionTime?: string } }).status?.completionTime) throw error;
            return object;
          }
        },
      }),
  },
  'a watch that is too old goes on from now': {
    ...unharmed,
    cluster: (cluster, server) =>
      instead(cluster, {
        async *watch(resource, options) {
          try {
            yield* cluster.watch(resource, options);
          } catch (error) {
            if (!isExpired(error)) throw error;
            yield { type: 'BOOKMARK', resourceVersion: String(server.version) };
          }
        },
      }),
  },
  'a task that came with its guest is begun anew': {
    ...unharmed,
    cluster: (cluster) =>
      instead(cluster, {
        list: async (resource, options) => {
          const { items, ...list } = await cluster.list(resource, options);
          return { ...list, items: items.map(forgetClaimElsewhere) };
        },
        async *watch(resource, options) {
          for await (const event of cluster.watch(resource, options)) {
            yield event.type === 'BOOKMARK' ? event : { ...event, object: forgetClaimElsewhere(event.object) };
          }
        },
      }),
  },
};

/** A task that the agent of another host has claimed, as if nobody had. */
function forgetClaimElsewhere<T extends KubeObject>(object: T): T {
  const { spec, status } = object as Partial<GuestTask>;
  const { claim, ...unclaimed } = status ?? {};
  return claim && claim.node !== spec?.nodeName ? { ...object, status: unclaimed } : object;
}

function linesWithout(text: string, part: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes(part))
    .join('\n');
}

/** The same, but for some of its methods. */
function instead<T extends object>(whole: T, methods: Partial<T>): T {
  return new Proxy(whole, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name) as unknown;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

function readCommand(command: string): { execute: string; id: string; pid: number | undefined } {
  const { execute, arguments: args = {} } = JSON.parse(command) as {
    execute: string;
    arguments?: { arg?: string[]; pid?: number };
  };
  return { execute, id: args.arg?.[1] ?? '', pid: args.pid };
}

function readAnswer(reply: string): { pid?: number; 'buf-b64'?: string; 'out-data'?: string } {
  return (JSON.parse(reply) as { return: object }).return;
}

function withScript(command: string, change: (script: string) => string): string {
  const request = JSON.parse(command) as { execute: string; arguments?: { 'input-data'?: string } };
  const script = request.arguments?.['input-data'];
  if (script === undefined) return command;
  const changed = toBase64(change(fromBase64(script)));
  return JSON.stringify({ ...request, arguments: { ...request.arguments, 'input-data': changed } });
}

function withReport(reply: string, change: (report: string) => string): string {
  const answer = readAnswer(reply);
  if (!answer['out-data']) return reply;
  return JSON.stringify({ return: { ...answer, 'out-data': toBase64(change(fromBase64(answer['out-data']))) } });
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}
