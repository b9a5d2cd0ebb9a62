import { defineConfig } from 'vitest/config';
import { closingLine } from './test/harness/vitest/closing-line.ts';

export default defineConfig({
  test: {
    reporters: ['default', closingLine()],
    // Groups run one after the other: emulated machines are slow enough without other tests beside them.
    // From 1 on, because with a single worker vitest puts group 0 last.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 3,
          // Modules that keep no state need no process of their own for each file: that is two thirds of the time.
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          // Worlds are short-lived: most of what they make should die young.
          execArgv: ['--max-semi-space-size=32'],
          testTimeout: 3_600_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: 'test/harness/vitest/integration-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/harness/vitest/e2e-setup.ts',
          testTimeout: 120_000,
          hookTimeout: 240_000,
          fileParallelism: false,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
