import { randomUUID } from 'node:crypto';
import koffi from 'koffi';
import { loadLibvirt } from '../../../src/libvirt/library.ts';

/** libvirt's own driver for tests: real libvirt in this process, with domains that every connection shares. */
export const testUri = 'test:///default';

/** The domain that libvirt's test driver begins with. */
export const firstDomain = { name: 'test', uuid: '6695eb01-f6a4-8304-79aa-97f2502e193f' };

export interface TestDomain {
  name: string;
  uuid: string;
  start(): void;
  destroy(): void;
  suspend(): void;
  resume(): void;
  /** Saves it to disk as it is. */
  save(): void;
  /** Writes the element of this XML namespace into its metadata. */
  setMetadata(uri: string, xml: string): void;
  undefine(): void;
}

/** Defines a domain behind the back of whoever is tested; `metadata` is the inner XML of its metadata element. */
export function defineDomain({
  metadata = '',
  uuid = randomUUID(),
}: {
  metadata?: string;
  uuid?: string;
} = {}): TestDomain {
  loadLibvirt();
  const lib = koffi.load('libvirt.so.0');
  const name = `d-${uuid.slice(0, 8)}`;
  const connection = lib.func('void *virConnectOpen(const char *)')(testUri);
  const domain = lib.func('void *virDomainDefineXML(void *, const char *)')(
    connection,
    `<domain type="test"><name>${name}</name><uuid>${uuid}</uuid><memory unit="MiB">64</memory><vcpu>3</vcpu>
       <metadata>${metadata}</metadata><os><type>hvm</type></os></domain>`,
  );
  const act = (action: string) => () => {
    if (lib.func(`int virDomain${action}(void *)`)(domain) < 0) throw new Error(`${action} of ${name} failed`);
  };
  return {
    name,
    uuid,
    start: act('Create'),
    destroy: act('Destroy'),
    suspend: act('Suspend'),
    resume: act('Resume'),
    save() {
      if (lib.func('int virDomainManagedSave(void *, uint)')(domain, 0) < 0) throw new Error(`${name} was not saved`);
    },
    setMetadata(uri, xml) {
      const set = lib.func('int virDomainSetMetadata(void *, int, const char *, const char *, const char *, uint)');
      if (set(domain, 2, xml, 'q', uri, 0) < 0) throw new Error(`the metadata of ${name} could not be set`);
    },
    undefine: act('Undefine'),
  };
}
