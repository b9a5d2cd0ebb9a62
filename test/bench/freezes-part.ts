import { type Freezes, measureFreezes, type TwoWays } from './freezes.ts';
import type { Part } from './part.ts';
import { milliseconds, type Row } from './report.ts';
import { guestCount } from './stage.ts';
import { median, percentile } from './statistics.ts';

/** Freezes beside those by virsh. */
export const freezesPart: Part = {
  name: 'freezes',
  async measure(bench) {
    const stage = await bench.stage();
    const freezes = await bench.tell.step('(i) freezing all guests at once, and one of them two ways in turns', () =>
      measureFreezes(stage),
    );
    await stage.removeJobs();
    return rowsOf(freezes);
  },
};

function rowsOf({ skew, freeze, thaw, applied, still }: Freezes): Row[] {
  const both = (values: readonly number[]) =>
    `${milliseconds(median(values))} / ${milliseconds(percentile(values, 0.95))}`;
  const noSlower = ({ operator, script }: TwoWays) => median(operator) <= median(script);
  return [
    {
      what: `(i) how far apart ${guestCount} guests are frozen, median / 95th percentile; by as many scripts at once`,
      operator: both(skew.operator),
      script: both(skew.script),
      aim: '95th percentile ≤ 50 ms',
      met: percentile(skew.operator, 0.95) <= 50,
    },
    {
      what: '(i) one guest: requested to frozen',
      operator: both(freeze.operator),
      script: both(freeze.script),
      aim: 'no slower than virsh',
      met: noSlower(freeze),
    },
    {
      what: '(i) one guest: release to thawed, by the script the thaw alone',
      operator: both(thaw.operator),
      script: both(thaw.script),
      aim: 'median ≤ 150 ms',
      met: median(thaw.operator) <= 150,
    },
    {
      what: '(i) one guest: how long it could not write, let go as soon as it is frozen',
      operator: both(still.operator),
      script: both(still.script),
    },
    { what: '(i) one guest: created to Frozen, its guard in the guest included', operator: both(applied) },
  ];
}
