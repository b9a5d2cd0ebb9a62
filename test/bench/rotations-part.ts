import type { Part } from './part.ts';
import { measureRotations } from './rotations.ts';
import { guestCount } from './stage.ts';
import { median } from './statistics.ts';

/** New passwords in guests. */
export const rotationsPart: Part = {
  name: 'rotations',
  async measure(bench) {
    const stage = await bench.stage();
    const { operator, script } = await bench.tell.step(
      '(g) 5 new passwords in each of the guests, all at once, two ways in turns',
      () => measureRotations(stage),
    );
    return [
      {
        what: `(g) passwords rotated per second in ${guestCount} guests; by the script only set`,
        operator: median(operator).toFixed(1),
        script: median(script).toFixed(1),
      },
    ];
  },
};
