import { BlockList, isIP } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/** undici's way over SOCKS is an experiment, and heeds no bounds of time or number. */
const schemes = ['http:', 'https:'];

/**
 * The proxy on the way to the API server: the kubeconfig's, or the environment's as kubectl reads it, which undici's own
 * reading is not: it knows no networks in NO_PROXY, and goes by a proxy to this machine itself.
 */
export function proxyFor(server: URL, proxyUrl: string | undefined, environment: Environment): string | undefined {
  if (proxyUrl) return checked(proxyUrl, "the kubeconfig's proxy-url");
  const name = server.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const named = valueOf(environment, name);
  if (named === undefined || isDirect(server, valueOf(environment, 'NO_PROXY') ?? '')) return undefined;
  return checked(named.includes('://') ? named : `http://${named}`, name);
}

function valueOf(environment: Environment, name: string): string | undefined {
  return environment[name] || environment[name.toLowerCase()] || undefined;
}

function checked(proxy: string, what: string): string {
  if (URL.canParse(proxy) && schemes.includes(new URL(proxy).protocol)) return proxy;
  // It may hold a password.
  throw new Error(`${what} is of no proxy that can be used: its URL begins with http:// or https://`);
}

function isDirect(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  const port = server.port || (server.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || (isIP(host) && isIn(host, '127.0.0.0/8', '::1/128'))) return true;
  return noProxy
    .split(',')
    .map((each) => each.trim().toLowerCase())
    .some((each) => each !== '' && matches(each, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isIP(host) > 0 && isIn(host, entry);
  const [, bracketed, plain, only] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = (bracketed ?? plain ?? entry).replace(/^\*\./, '.');
  return host === domain || host.endsWith(domain.startsWith('.') ? domain : `.${domain}`);
}

function isIn(address: string, ...networks: readonly string[]): boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [prefix = '', bits] = network.split('/');
    const longest = isIP(prefix) === 6 ? 128 : 32;
    if (isIP(prefix) > 0 && Number(bits) <= longest) list.addSubnet(prefix, Number(bits), familyOf(prefix));
  }
  return list.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
