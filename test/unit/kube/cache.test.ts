import { expect, it } from 'vitest';
import { Cache } from '../../../src/kube/cache.ts';
import type { ConfigMap } from '../../../src/kube/core-resources.ts';

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { metadata: { namespace: 'ns', name }, data };
}

function cacheByColour(): Cache<ConfigMap> {
  const cache = new Cache<ConfigMap>();
  cache.addIndex('colour', ({ data }) => data?.['colours']?.split(',') ?? []);
  return cache;
}

const named = (objects: ConfigMap[]) => objects.map(({ metadata }) => metadata.name);

it('gives what was put under namespace and name, and says what was there before', () => {
  const cache = new Cache<ConfigMap>();
  const [first, second] = [configMap('a'), configMap('a', { x: '1' })];

  expect(cache.set(first)).toBeUndefined();
  expect(cache.set(second)).toBe(first);
  expect(cache.get('ns/a')).toBe(second);
  expect(cache.keys()).toEqual(['ns/a']);
  expect(cache.list()).toEqual([second]);
  expect(cache.delete('ns/a')).toBe(second);
  expect(cache.delete('ns/a')).toBeUndefined();
  expect(cache.list()).toEqual([]);
});

it('finds objects by each value of an index', () => {
  const cache = cacheByColour();
  cache.set(configMap('a', { colours: 'red,green' }));
  cache.set(configMap('b', { colours: 'red' }));
  cache.set(configMap('c'));

  expect(named(cache.byIndex('colour', 'red'))).toEqual(['a', 'b']);
  expect(named(cache.byIndex('colour', 'green'))).toEqual(['a']);
  expect(cache.byIndex('colour', 'blue')).toEqual([]);
});

it('moves an object between the values of an index as it changes', () => {
  const cache = cacheByColour();
  cache.set(configMap('a', { colours: 'red,green' }));

  const changed = configMap('a', { colours: 'green,blue' });
  cache.set(changed);

  expect(cache.byIndex('colour', 'red')).toEqual([]);
  expect(cache.byIndex('colour', 'green')).toEqual([changed]);
  expect(cache.byIndex('colour', 'blue')).toEqual([changed]);
});

it('forgets a deleted object in every index', () => {
  const cache = cacheByColour();
  cache.set(configMap('a', { colours: 'red' }));
  cache.set(configMap('b', { colours: 'red' }));

  cache.delete('ns/a');

  expect(named(cache.byIndex('colour', 'red'))).toEqual(['b']);
});

it('refuses to look into an index that was never added', () => {
  expect(() => cacheByColour().byIndex('taste', 'sweet')).toThrow(RangeError);
});
