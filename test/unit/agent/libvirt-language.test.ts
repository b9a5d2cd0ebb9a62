import { expect, test } from 'vitest';
import { warnOfLanguage } from '../../../src/agent/libvirt-language.ts';
import type { Hypervisor } from '../../../src/guest/hypervisor.ts';
import { LibvirtError, NotConnectedError, virErrorNumber } from '../../../src/libvirt/errors.ts';
import { LibvirtHypervisor } from '../../../src/libvirt/libvirt-hypervisor.ts';
import { testUri } from '../libvirt/test-driver.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const { signal } = new AbortController();

function libvirtSays(message: string, code: number = virErrorNumber.NO_DOMAIN): LibvirtError {
  return new LibvirtError({ code, domain: 10, level: 2, message });
}

test.each([
  ['another language', libvirtSays('Domain nicht gefunden: keine Domain mit passender UUID'), 1],
  ['English', libvirtSays("Domain not found: no domain with matching uuid '0'"), 0],
  ['something else', libvirtSays('Zeitüberschreitung', virErrorNumber.OPERATION_TIMEOUT), 0],
  ['nothing', new NotConnectedError('no connection'), 0],
])('warns of a libvirt that speaks another language, as heard by %s', async (_, error, warnings) => {
  const { logger, lines } = recordingLogger();
  const hypervisor = { agentChannelXml: () => Promise.reject(error) } as Partial<Hypervisor> as Hypervisor;

  await warnOfLanguage(hypervisor, logger, signal);

  expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(warnings);
});

test('knows the words of libvirt itself', async () => {
  const { logger, lines } = recordingLogger();
  const hypervisor = new LibvirtHypervisor({ uri: testUri });
  await hypervisor.start();
  try {
    await expect(hypervisor.agentChannelXml('00000000-0000-0000-0000-000000000000')).rejects.toMatchObject({
      code: virErrorNumber.NO_DOMAIN,
    });

    await warnOfLanguage(hypervisor, logger, signal);
  } finally {
    await hypervisor.close();
  }

  expect(lines).toEqual([]);
});
