import type { DomainHandle } from './domain-handle.ts';
import { type AgentChannel, parseDomainXml } from './domain-xml.ts';

/** virDomainState by its number. */
export const domainStates = [
  'nostate',
  'running',
  'blocked',
  'paused',
  'shutdown',
  'shutoff',
  'crashed',
  'pmsuspended',
] as const;

/** virDomainShutoffReason */
const shutoffByMigration = 4;
const shutoffBySave = 5;

export type DomainState = (typeof domainStates)[number];

/** One domain as it was when it was read. */
export interface Domain {
  uuid: string;
  name: string;
  state: DomainState;
  /** Off here, because it was moved to another host and runs on there. */
  movedAway: boolean;
  /** Off, because it was saved to disk as it was: from there it goes on. */
  saved: boolean;
  /** Defined on disk: outlives its own shutdown. */
  persistent: boolean;
  agentChannel: AgentChannel;
  vcpus: number;
  memoryKiB: number;
  /** Its metadata element of the caller's XML namespace, as XML; undefined where it has none. */
  metadataXml?: string | undefined;
}

/** Reads a domain in four calls, five where it is off. Throws LibvirtError: with NO_DOMAIN when it goes away meanwhile. */
export async function readDomain(domain: DomainHandle, metadataUri: string | undefined): Promise<Domain> {
  const [number, reason] = await domain.state();
  const state = domainStates[number] ?? 'nostate';
  const movedAway = state === 'shutoff' && reason === shutoffByMigration;
  const saved = state === 'shutoff' && !movedAway && (await isSaved(domain, reason));
  const persistent = await domain.isPersistent();
  const definition = parseDomainXml(await domain.xml());
  const metadataXml = metadataUri === undefined ? undefined : await domain.metadata(metadataUri);
  const { uuid, name } = domain;
  return { uuid, name, state, movedAway, saved, persistent, ...definition, metadataXml };
}

/** A libvirtd that was started since knows no reason any more, but has the file (C46). */
async function isSaved(domain: DomainHandle, reason: number): Promise<boolean> {
  return reason === shutoffBySave || (await domain.hasManagedSaveImage());
}
