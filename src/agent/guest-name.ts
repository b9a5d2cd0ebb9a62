/** The names a domain's Guest may have, best first: the domain's own made DNS-safe, then with eight digits of its UUID. */
export function guestNames(domainName: string, uuid: string): [string, string] {
  const safe = domainName
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/\.+/g, '.')
    .replace(/-*\.-*/g, '.')
    .slice(0, 240)
    .replace(/^[-.]+|[-.]+$/g, '');
  const name = safe === '' ? 'domain' : safe;
  return [name, `${name}-${uuid.slice(0, 8)}`];
}
