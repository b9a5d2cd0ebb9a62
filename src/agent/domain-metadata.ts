import { XMLParser } from 'fast-xml-parser';

/** The XML namespace of our element in a domain's metadata. */
export const metadataUri = 'https://qga.dev/v1';

/** What the owner of a host says of a domain, in its libvirt metadata. */
export interface DomainMetadata {
  /** The Kubernetes namespace its Guest belongs to. */
  namespace?: string;
  labels: Record<string, string>;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  removeNSPrefix: true,
  isArray: (name) => name === 'label',
});

/**
 * Parses `<qga:guest namespace="team-a"><qga:label name="app" value="web"/></qga:guest>`. Throws a sentence when a part
 * of it can't be a Kubernetes name or label.
 */
export function parseDomainMetadata(xml: string | undefined): DomainMetadata {
  if (xml === undefined) return { labels: {} };
  const { guest } = parser.parse(xml) as {
    guest?: { namespace?: string; label?: { name?: string; value?: string }[] };
  };
  const labels: Record<string, string> = {};
  for (const { name = '', value = '' } of guest?.label ?? []) {
    if (!labelName.test(name) || !labelValue.test(value)) {
      throw new Error(`the domain's metadata has a label Kubernetes can't hold: ${name}=${value}`);
    }
    labels[name] = value;
  }
  const namespace = guest?.namespace;
  if (namespace === undefined || namespace === '') return { labels };
  if (!dnsLabel.test(namespace)) throw new Error(`the domain's metadata names a namespace that can't be: ${namespace}`);
  return { namespace, labels };
}

const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** Ours are not for others to set: `qga.dev/…` is left out of what matches. */
const labelName =
  /^(?!qga\.dev\/)([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
