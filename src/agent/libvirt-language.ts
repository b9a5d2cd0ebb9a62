import type { Hypervisor } from '../guest/hypervisor.ts';
import { LibvirtError, virErrorNumber } from '../libvirt/errors.ts';
import type { Logger } from '../observability/log.ts';

/** No domain has it. */
const nilUuid = '00000000-0000-0000-0000-000000000000';
const inEnglish = 'Domain not found';

/**
 * Warns of a libvirt daemon that says its errors in another language than English, as its error of a domain that it can't
 * have shows. A channel that broke, and before libvirt 11.2 an agent's refusal, is told from other errors by words alone.
 */
export async function warnOfLanguage(hypervisor: Hypervisor, logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    await hypervisor.agentChannelXml(nilUuid, signal);
  } catch (error) {
    // Any other failure tells nothing of its language, and whoever needs libvirt next meets it, too.
    if (!(error instanceof LibvirtError) || error.code !== virErrorNumber.NO_DOMAIN) return;
    if (error.message.startsWith(inEnglish)) return;
    const words = "libvirt's daemon says its errors in another language than English, so refusals and broken channels";
    logger.warn({ said: error.message }, `${words} may not be told from other errors: run it with LC_ALL=C`);
  }
}
