import { type FileRates, fileMebibytes, measureFiles } from './files.ts';
import type { Part } from './part.ts';
import type { Row } from './report.ts';

/** Files of guests. */
export const filesPart: Part = {
  name: 'files',
  async measure(bench) {
    const stage = await bench.stage();
    const { operator, script } = await measureFiles(stage, bench.tell.step);
    await stage.removeJobs();
    const row = (what: string, way: keyof FileRates): Row => ({
      what,
      operator: `${operator[way].toFixed(2)} MiB/s`,
      script: `${script[way].toFixed(2)} MiB/s`,
    });
    return [
      row(`(h) readFile: ${fileMebibytes} MiB out of a guest, in parts of 768 KiB`, 'read'),
      row(`(h) writeFile: ${fileMebibytes} MiB into a guest, in files of 768 KiB, verified and renamed`, 'write'),
    ];
  },
};
