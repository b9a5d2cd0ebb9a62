import { expect, it } from 'vitest';
import { unlessAborted } from '../../../src/libvirt/abort.ts';

const never = new Promise<string>(() => {});

it('gives what the promise comes to while nobody aborts', async () => {
  expect(await unlessAborted(Promise.resolve('done'), new AbortController().signal)).toBe('done');
  expect(await unlessAborted(Promise.resolve('done'), undefined)).toBe('done');
});

it.each(['before', 'after'])('does not wait for the promise when the signal aborts %s the call', async (when) => {
  const controller = new AbortController();
  const reason = new Error('enough');
  if (when === 'before') controller.abort(reason);

  const waiting = unlessAborted(never, controller.signal);
  controller.abort(reason);

  await expect(waiting).rejects.toBe(reason);
});
