import { XMLBuilder, XMLParser } from 'fast-xml-parser';

/** Whether a domain has a guest agent channel, and whether something in the guest holds its other end. */
export type AgentChannel = 'absent' | 'disconnected' | 'connected';

export interface DomainDefinition {
  agentChannel: AgentChannel;
  /** Those plugged in now; a definition may allow for more. */
  vcpus: number;
  memoryKiB: number;
}

interface DomainXml {
  domain?: {
    memory?: { '#text': string };
    vcpu?: { '#text': string; current?: string };
    devices?: { channel: { target?: { name?: string; state?: string } }[] };
  };
}

const agentChannelName = 'org.qemu.guest_agent.0';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  alwaysCreateTextNode: true,
  isArray: (name) => name === 'channel',
});

/** Reads what virDomainGetXMLDesc tells, in which libvirt gives memory in KiB whatever its definition said. */
export function parseDomainXml(xml: string): DomainDefinition {
  const { domain } = parser.parse(xml) as DomainXml;
  if (!domain) throw new Error('libvirt sent a domain without a definition');
  const { memory, vcpu, devices } = domain;
  return {
    agentChannel: agentChannelOf(devices?.channel ?? []),
    vcpus: Number(vcpu?.current ?? vcpu?.['#text'] ?? 0),
    memoryKiB: Number(memory?.['#text'] ?? 0),
  };
}

function agentChannelOf(channels: { target?: { name?: string; state?: string } }[]): AgentChannel {
  const target = channels.map((channel) => channel.target).find((each) => each?.name === agentChannelName);
  if (!target) return 'absent';
  return target.state === 'connected' ? 'connected' : 'disconnected';
}

/** An element as the order-preserving parser has it: one key is its name, with its children, `:@` its attributes. */
type OrderedNode = Record<string, OrderedNode[]> & { ':@'?: Record<string, string> };

const ordered = {
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
} as const;

/** The whole element of a domain's guest agent channel, to unplug and plug it by; undefined where it has none. */
export function agentChannelXml(xml: string): string | undefined {
  const document = new XMLParser(ordered).parse(xml) as OrderedNode[];
  const channel = childrenOf(childrenOf(document, 'domain'), 'devices').find((node) =>
    node['channel']?.some((child) => child['target'] && child[':@']?.['name'] === agentChannelName),
  );
  return channel && new XMLBuilder({ ...ordered, suppressEmptyNode: true }).build([channel]);
}

/** What stands in the first element of this name. */
function childrenOf(nodes: readonly OrderedNode[], name: string): OrderedNode[] {
  return nodes.find((node) => node[name])?.[name] ?? [];
}
