import { describe, expect, it } from 'vitest';
import { proxyFor } from '../../../src/kube/proxy.ts';

const proxy = 'http://proxy.test:3128';
const api = new URL('https://api.cluster.test:6443');

describe('the proxy on the way to the API server', () => {
  it.each<[string, string, string | undefined, Record<string, string>, string | undefined]>([
    ['is none where nobody names one', api.href, undefined, {}, undefined],
    ['is the kubeconfig’s', api.href, proxy, {}, proxy],
    ['is the kubeconfig’s rather than the environment’s', api.href, proxy, { HTTPS_PROXY: 'http://other' }, proxy],
    ['is the kubeconfig’s whatever NO_PROXY says', api.href, proxy, { NO_PROXY: '*' }, proxy],
    ['is the environment’s', api.href, undefined, { HTTPS_PROXY: proxy }, proxy],
    ['may be named in small letters', api.href, undefined, { https_proxy: proxy }, proxy],
    ['may be named without a scheme', api.href, undefined, { HTTPS_PROXY: 'proxy.test:3128' }, proxy],
    ['is not that for another scheme', api.href, undefined, { HTTP_PROXY: proxy }, undefined],
    ['is none to this machine', 'https://127.0.0.1:6443', undefined, { HTTPS_PROXY: proxy }, undefined],
    ['is none to this machine by its name', 'https://localhost:6443', undefined, { HTTPS_PROXY: proxy }, undefined],
    ['is none to this machine by IPv6', 'https://[::1]:6443', undefined, { HTTPS_PROXY: proxy }, undefined],
  ])('%s', (_, server, named, environment, found) => {
    expect(proxyFor(new URL(server), named, environment)).toBe(found);
  });

  it.each<[noProxy: string, server: string, direct: boolean]>([
    ['*', 'https://api.test', true],
    ['other.test, api.test', 'https://api.test', true],
    ['cluster.test', 'https://api.cluster.test', true],
    ['.cluster.test', 'https://api.cluster.test', true],
    ['*.cluster.test', 'https://api.cluster.test', true],
    ['.api.test', 'https://api.test', false],
    ['pi.test', 'https://api.test', false],
    ['API.test:6443', 'https://api.test:6443', true],
    ['api.test:443', 'https://api.test', true],
    ['api.test:443', 'https://api.test:6443', false],
    ['10.96.0.0/12', 'https://10.96.0.1', true],
    ['10.96.0.0/12', 'https://10.112.0.1', false],
    ['10.96.0.1', 'https://10.96.0.1', true],
    ['fd00::/8', 'https://[fd00::1]:6443', true],
    ['[fd00::1]:6443', 'https://[fd00::1]:6443', true],
    ['fd00::1', 'https://[fd00::1]:6443', true],
    ['10.96.0.0/99,nonsense/1', 'https://10.96.0.1', false],
  ])('is left out by NO_PROXY=%s to %s: %s', (noProxy, server, direct) => {
    const found = proxyFor(new URL(server), undefined, { HTTPS_PROXY: proxy, NO_PROXY: noProxy });

    expect(found).toBe(direct ? undefined : proxy);
  });

  it('that is of no kind we know is refused without telling its password', () => {
    expect(() => proxyFor(api, 'socks5://me:secret@proxy.test', {})).toThrow(
      "the kubeconfig's proxy-url is of no proxy that can be used: its URL begins with http:// or https://",
    );
    expect(() => proxyFor(api, undefined, { HTTPS_PROXY: '://' })).toThrow('HTTPS_PROXY is of no proxy');
  });
});
