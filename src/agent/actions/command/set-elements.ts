import type { GuestAgent } from '../../../guest/guest-agent.ts';
import { guestGetMemoryBlocks, guestGetVcpus, guestSetMemoryBlocks, guestSetVcpus } from '../../../qga/commands.ts';
import type { ActionRun, Ending } from '../action.ts';
import type { AskedCommand } from './asked.ts';
import { type Element, elementResults, elementsEnding, type Said } from './element-results.ts';
import { type ReadSignals, readBack } from './read-back.ts';
import { replyValue } from './reply-value.ts';
import { outcomeUnknown, send } from './send.ts';

/** How the elements are named in the arguments, read from the guest, and told of in the reply. */
interface ElementKind {
  noun: string;
  asked(args: unknown): Element[];
  read(agent: GuestAgent, signals: ReadSignals): Promise<Map<number, boolean> | undefined>;
  /** What the guest says of each element. */
  said(asked: readonly Element[], reply: unknown): Map<number, Said>;
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
  // The reply is how many of the list were done before one failed.
  said: (asked, count) => new Map(asked.map(({ id }, index) => [id, { done: index < (count as number) }])),
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
  said(_, reply) {
    const answers = reply as { 'phys-index': bigint; response: string; 'error-code'?: number | undefined }[];
    return new Map(
      answers.map(({ response, 'phys-index': id, 'error-code': errorCode }) => [
        Number(id),
        { done: response === 'success', errorCode },
      ]),
    );
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
  if (sending.kind === 'unknown') return outcomeUnknown(asked, sending.why);
  const after = await kind.read(guest.agent, { stopped });
  const all = kind.asked(asked.arguments);
  const said = kind.said(all, sending.reply);
  const results = elementResults(all, before, after, said);
  const failedFirst = results.toSorted((a, b) => Number(b.result === 'Failed') - Number(a.result === 'Failed'));
  const command = {
    sent: asked.command.sentAs,
    ...replyValue(sending.reply),
    elements: failedFirst.slice(0, mostTold),
  };
  return { ...elementsEnding(results, said, kind.noun), command };
}
