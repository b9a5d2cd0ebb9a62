import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';

const probeTimeoutMs = 1000;
const defaultPort = { tcp: 16509, tls: 16514 };

/**
 * Why a connection to this URI could not be opened, as well as it can be told from here. libvirt keeps the reason with
 * the thread that tried, which an FFI can't come back to: so its way to the daemon is tried once more.
 */
export async function explainOpenFailure(uri: string): Promise<string> {
  const ways = waysTo(uri);
  const reasons = await Promise.all(ways.map((way) => failureOf(way)));
  if (ways.length === 0 || reasons.includes(undefined)) return 'libvirt refused it; its own log says why';
  return reasons.join('; ');
}

/** Where libvirt would connect to; nothing when that isn't ours to say. */
function waysTo(uri: string): NetConnectOpts[] {
  if (!URL.canParse(uri)) return [];
  const { protocol, hostname, port, searchParams } = new URL(uri);
  const [driver = '', transport = hostname ? 'tls' : 'unix'] = protocol.replace(/:$/, '').split('+');
  if (transport === 'tcp' || transport === 'tls') {
    return hostname ? [{ host: hostname, port: Number(port || defaultPort[transport]) }] : [];
  }
  if (transport !== 'unix' || driver === 'test') return [];
  const socket = searchParams.get('socket');
  if (socket) return [{ path: socket }];
  return [`virt${driver}d-sock`, 'libvirt-sock'].map((name) => ({ path: `/run/libvirt/${name}` }));
}

async function failureOf(way: NetConnectOpts): Promise<string | undefined> {
  const socket = connect(way);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(probeTimeoutMs) });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    socket.destroy();
  }
}
