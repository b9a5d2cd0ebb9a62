import type { CommandResult } from '../../../api/schema/command-action.ts';
import type { GuestAgent } from '../../../guest/guest-agent.ts';
import { guestGetMemoryBlocks, guestGetVcpus, guestSetMemoryBlocks, guestSetVcpus } from '../../../qga/commands.ts';
import type { ActionRun, Ending } from '../action.ts';
import type { AskedCommand } from './asked.ts';
import { type ReadSignals, readBack } from './read-back.ts';
import { replyValue } from './reply-value.ts';
import { outcomeUnknown, send } from './send.ts';

type ElementResult = NonNullable<CommandResult['elements']>[number];

interface Element {
  id: number;
  online: boolean;
}

/** How the elements are named in the arguments, read from the guest, and told of in the reply. */
interface ElementKind {
  noun: string;
  asked(args: unknown): Element[];
  read(agent: GuestAgent, signals: ReadSignals): Promise<Map<number, boolean> | undefined>;
  /** The guest's errno by element. */
  errors(reply: unknown): Map<number, number>;
}

const processors: ElementKind = {
  noun: 'processors',
  asked: (args) =>
    (args as { vcpus: { 'logical-id': number; online: boolean }[] }).vcpus.map((each) => ({
      id: each['logical-id'],
      online: each.online,
    })),
  async read(agent, signals) {
    const found = await readBack(agent, guestGetVcpus, signals);
    return found && new Map(found.map((each) => [each['logical-id'], each.online]));
  },
  errors: () => new Map(),
};

const memoryBlocks: ElementKind = {
  noun: 'memory blocks',
  asked: (args) =>
    (args as { 'mem-blks': { 'phys-index': bigint; online: boolean }[] })['mem-blks'].map((each) => ({
      id: Number(each['phys-index']),
      online: each.online,
    })),
  async read(agent, signals) {
    const found = await readBack(agent, guestGetMemoryBlocks, signals);
    return found && new Map(found.map((each) => [Number(each['phys-index']), each.online]));
  },
  errors(reply) {
    const answers = reply as { 'phys-index': bigint; 'error-code'?: number | undefined }[];
    return new Map(answers.map((each) => [Number(each['phys-index']), each['error-code'] ?? 0]));
  },
};

/** The commands that switch elements of the machine on and off. */
export const elementKinds: ReadonlyMap<string, ElementKind> = new Map([
  [guestSetVcpus.name, processors],
  [guestSetMemoryBlocks.name, memoryBlocks],
]);

const mostTold = 1024;

/** Sends such a command, and tells of each element what has really changed, by reading it before and after. */
export async function setElements(run: ActionRun, asked: AskedCommand, kind: ElementKind): Promise<Ending | undefined> {
  const { guest, stopped, withdrawn } = run;
  const before = await kind.read(guest.agent, { stopped, withdrawn });
  const sending = await send(run, asked, asked.timeoutSeconds);
  if (sending.kind === 'ended') return sending.ending;
  if (sending.kind === 'unknown') return outcomeUnknown(asked, sending.error.message);
  const after = await kind.read(guest.agent, { stopped });
  const all = elementResults(kind.asked(asked.arguments), before, after, kind.errors(sending.reply));
  const failed = all.filter(({ result }) => result === 'Failed');
  const told = [...failed, ...all.filter(({ result }) => result !== 'Failed')].slice(0, mostTold);
  const command = { sent: asked.command.sentAs, ...replyValue(sending.reply), elements: told };
  if (failed.length === 0) return { phase: 'Succeeded', reason: 'Completed', message: '', command };
  const message = `${failed.length} of ${all.length} ${kind.noun} are not as asked: the guest would not`;
  return { phase: 'Failed', reason: 'NotAllChanged', message, command };
}

/** What became of each element, by how it was before and is now. */
export function elementResults(
  asked: readonly Element[],
  before: ReadonlyMap<number, boolean> | undefined,
  after: ReadonlyMap<number, boolean> | undefined,
  errors: ReadonlyMap<number, number>,
): ElementResult[] {
  return asked.map(({ id, online }) => {
    const errorCode = errors.get(id);
    return {
      id,
      asked: online ? 'Online' : 'Offline',
      result: resultOf(online, before?.get(id), after && (after.get(id) ?? 'missing')),
      ...(errorCode && { errorCode }),
    };
  });
}

function resultOf(
  asked: boolean,
  before: boolean | undefined,
  after: boolean | 'missing' | undefined,
): ElementResult['result'] {
  if (after === undefined) return 'Unknown';
  if (after !== asked) return 'Failed';
  return before === asked ? 'Unchanged' : 'Changed';
}
