import { join } from 'node:path';
import type { FreezeResult } from '../../src/api/schema/freeze.ts';
import { eventually } from '../harness/eventually.ts';
import type { TestGuest } from '../harness/hypervisor/guest.ts';
import { run } from '../harness/run.ts';
import type { WriteWatcher } from '../harness/watch-writes.ts';
import { watchFreezeWindows } from './freeze-windows.ts';
import { watchQuickWrites } from './quick-writer.ts';
import { fleet, type Stage } from './stage.ts';

/** One way and the other, in turns. Milliseconds. */
export interface TwoWays {
  operator: number[];
  script: number[];
}

export interface Freezes {
  /** How far apart all guests were frozen by the answers, by a window and by as many scripts at once. */
  skew: TwoWays;
  /** From the request to the answer that the guest is frozen. */
  freeze: TwoWays;
  /** From the release, or the request, to the answer that it is thawed. */
  thaw: TwoWays;
  /** From the window's creation until it was seen to be frozen. */
  applied: number[];
  /** How long the guest itself could not write, where it is let go as soon as it is frozen. */
  still: TwoWays;
}

const groupRounds = 20;
const singleRounds = 20;
const stillRounds = 15;
const scriptFile = join(import.meta.dirname, 'virsh-freeze.sh');

/** Freezes guests for nothing: all at once, and one of them two ways in turns. */
export async function measureFreezes({ dir, hypervisor, guests, controlPlane }: Stage): Promise<Freezes> {
  const [guest] = guests;
  if (!guest) throw new Error('there is no guest');
  const windows = await watchFreezeWindows(controlPlane().kubeconfig);
  const one = { guestName: guest.name };
  const byScript = ({ uuid }: Pick<TestGuest, 'uuid'> = guest) => freezeByScript(hypervisor.uri, uuid);
  const result: Freezes = {
    skew: { operator: [], script: [] },
    freeze: { operator: [], script: [] },
    thaw: { operator: [], script: [] },
    applied: [],
    still: { operator: [], script: [] },
  };
  try {
    await windows.run(one);
    for (let round = 0; round < groupRounds; round += 1) {
      const { status } = await windows.run({ selector: { matchLabels: fleet } });
      result.skew.operator.push(status.skewMilliseconds ?? Number.NaN);
      const answers = (await Promise.all(guests.map((each) => byScript(each)))).map(({ frozenAt }) => frozenAt);
      result.skew.script.push(Math.max(...answers) - Math.min(...answers));
    }
    for (let round = 0; round < singleRounds; round += 1) {
      const { createdAt, seenFrozenAt, releasedAt, evidence } = await windows.run(one);
      const { requestedAt, frozenAt, thawedAt } = instantsOf(evidence[0]);
      result.applied.push(seenFrozenAt - createdAt);
      result.freeze.operator.push(frozenAt - requestedAt);
      result.thaw.operator.push(thawedAt - releasedAt);
      const script = await byScript();
      result.freeze.script.push(script.freezeMs);
      result.thaw.script.push(script.thawMs);
    }
    const writes = await watchQuickWrites(dir, guest);
    for (let round = 0; round < stillRounds; round += 1) {
      result.still.operator.push(await stillMs(writes, () => windows.run(one)));
      result.still.script.push(await stillMs(writes, () => byScript()));
    }
    await writes.stop();
    return result;
  } finally {
    await windows.close();
  }
}

async function freezeByScript(uri: string, uuid: string): Promise<Record<'freezeMs' | 'thawMs' | 'frozenAt', number>> {
  const said = (await run(scriptFile, [uri, uuid])).split(' ').map(Number);
  const [freezeMs = Number.NaN, thawMs = Number.NaN, frozenAt = Number.NaN] = said;
  return { freezeMs, thawMs, frozenAt };
}

function instantsOf(evidence: FreezeResult | undefined): Record<'requestedAt' | 'frozenAt' | 'thawedAt', number> {
  const instant = (time: string | undefined) => Date.parse(time ?? '');
  const { requestedAt, frozenAt, thawedAt } = evidence ?? {};
  return { requestedAt: instant(requestedAt), frozenAt: instant(frozenAt), thawedAt: instant(thawedAt) };
}

/** How long the guest's writer stood still for what `work` did: exactly one freeze. */
async function stillMs(writes: WriteWatcher, work: () => Promise<unknown>): Promise<number> {
  const before = writes.frozenIntervals().length;
  await work();
  return await eventually(
    () => {
      const [interval] = writes.frozenIntervals().slice(before);
      return interval?.to === undefined ? undefined : interval.to - interval.from;
    },
    { what: 'the writer to have stood still', timeoutMs: 10_000 },
  );
}
