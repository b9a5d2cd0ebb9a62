const mostItems = 256;
const longestText = 1024;

/**
 * What a guest says, cut to what an object can hold: a guest with ten thousand interfaces, or one that lies, must not
 * make its Guest too large to be written.
 */
export function clipped<T>(value: T): T {
  if (typeof value === 'string')
    return (value.length > longestText ? `${value.slice(0, longestText - 1)}…` : value) as T;
  if (Array.isArray(value)) return value.slice(0, mostItems).map(clipped) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, clipped(member)])) as T;
}
