import { describe, expect, it } from 'vitest';
import { parseSelector } from '../../../src/cli/selector.ts';
import { targetOf } from '../../../src/cli/target.ts';

describe('a selector on the command line', () => {
  it('means what it means to kubectl', () => {
    expect(parseSelector('app=web,tier==front, env in (prod, test),zone notin (a),gpu,!old,os!=rhel')).toEqual({
      matchLabels: { app: 'web', tier: 'front' },
      matchExpressions: [
        { key: 'env', operator: 'In', values: ['prod', 'test'] },
        { key: 'zone', operator: 'NotIn', values: ['a'] },
        { key: 'gpu', operator: 'Exists' },
        { key: 'old', operator: 'DoesNotExist' },
        { key: 'os', operator: 'NotIn', values: ['rhel'] },
      ],
    });
  });

  it('may have a prefix in its key', () => {
    expect(parseSelector('example.com/app=web')).toEqual({ matchLabels: { 'example.com/app': 'web' } });
  });

  it.each(['', 'app=', '=web', 'app in ()', 'app in (a,)', 'a=b,', 'app=web,app=db', 'app=web; rm'])(
    'is refused where it means nothing: %j',
    (text) => {
      expect(() => parseSelector(text)).toThrow('no label selector');
    },
  );
});

describe('a target', () => {
  it('is a guest by its name, as get -o name prints it too', () => {
    expect(targetOf('web-1', undefined)).toEqual({ guestName: 'web-1' });
    expect(targetOf('guest.qga.dev/web-1', undefined)).toEqual({ guestName: 'web-1' });
  });

  it('is either a guest or a selector', () => {
    expect(() => targetOf('web-1', 'app=web')).toThrow('not both');
    expect(() => targetOf(undefined, undefined)).toThrow('name a guest');
  });
});
