import { beforeAll, describe, expect, it } from 'vitest';
import { useFreezes } from './freeze-fixture.ts';

const freezes = useFreezes();
const { namespace, create, over, patch, until, kubectl } = freezes;

/** The commands of docs/freeze.md, less their namespace. */
const untilFrozen = "--for=jsonpath={.status['phase','endedBy']}=Frozen";
const untilCompleted = "--for=jsonpath={.status['phase','failureReason']}=Completed";
const wait = (name: string, what: string) => kubectl('wait', `ffw/${name}`, what, '-n', namespace, '--timeout=50s');

beforeAll(async () => {
  const [first] = freezes.hosts();
  await first.addGuest('web-1', { app: 'web' });
  await first.addGuest('off-1', { app: 'off' }, { off: true });
  await first.addGuest('weak-1', { app: 'weak' }, { failsToPrepare: ['HookFailed', 'no'], prepareMs: 1500 });
});

describe('kubectl wait', () => {
  it('opens the gate by the conditions, as for every kind', async () => {
    const name = await create({ target: { guestName: 'web-1' } });

    await wait(name, '--for=condition=Frozen');
    await patch(name, { release: true });
    await wait(name, '--for=condition=Completed');
    await wait(name, '--for=condition=Frozen=false');
  });

  it('ends with 0 by the phase when the guests are frozen, and when the window has completed', async () => {
    const name = await create({ target: { guestName: 'web-1' } });

    await wait(name, untilFrozen);
    await patch(name, { release: true });
    await wait(name, untilCompleted);
  });

  it.each([
    ['can not be frozen', { target: { guestName: 'off-1' } }],
    ['fail while they are prepared', { target: { guestName: 'weak-1' } }],
  ])('ends with 1 long before its timeout when the guests %s', async (_, spec) => {
    const name = await create(spec);
    const before = performance.now();

    await expect(wait(name, untilFrozen)).rejects.toMatchObject({ exitCode: 1 });
    await over(name);
    await expect(wait(name, untilCompleted)).rejects.toMatchObject({ exitCode: 1 });

    expect(performance.now() - before).toBeLessThan(25_000);
  });

  it('ends with 1 at once when it comes too late to find the guests frozen', async () => {
    const name = await create({ target: { guestName: 'web-1' }, maxFrozenSeconds: 1 });
    await over(name);
    const before = performance.now();

    await expect(wait(name, untilFrozen)).rejects.toMatchObject({ exitCode: 1 });

    expect(performance.now() - before).toBeLessThan(20_000);
  });

  it('ends with 1 by the phase while it waits for completion when consistency is lost', async () => {
    const [first] = freezes.hosts();
    first.behave('web-1', { stolenAfterMs: 800 });
    const name = await create({ target: { guestName: 'web-1' } });
    await until(name, ({ status }) => status?.frozenAt !== undefined);

    await expect(wait(name, untilCompleted)).rejects.toMatchObject({ exitCode: 1 });

    first.behave('web-1', { stolenAfterMs: Number.POSITIVE_INFINITY });
  });
});
