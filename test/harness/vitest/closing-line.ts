import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/**
 * Ends a run's output with its counts, alone on the last line, and fails a run in which a test was skipped: a missing
 * part has to be installed, not worked around. A run that was narrowed by name may leave tests out.
 */
export function closingLine(): Reporter {
  let narrowed = false;
  return {
    onInit(vitest: Vitest) {
      narrowed = vitest.config.testNamePattern !== undefined;
    },
    onTestRunEnd(modules, unhandledErrors) {
      const tests = modules.flatMap((module) => [...module.children.allTests()]);
      const passed = tests.filter((test) => test.result().state === 'passed').length;
      const failedTests = tests.filter((test) => test.result().state === 'failed').length;
      const skipped = tests.filter((test) => test.result().state === 'skipped');
      const failed = failedTests + modules.filter(failedAsAWhole).length + unhandledErrors.length;
      // At exit, because the end of shared control planes and hypervisors may still have something to say.
      process.once('exit', (code) => {
        if (!narrowed && skipped.length > 0) {
          process.exitCode = 1;
          for (const test of skipped) process.stdout.write(describeSkipped(test));
        }
        // A set-up that failed is no test, yet something did fail.
        process.stdout.write(countsLine(passed, Math.max(failed, code === 0 ? 0 : 1), skipped.length));
      });
    },
  };
}

function countsLine(passed: number, failed: number, skipped: number): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
}

/** Whether a file failed outside of its tests: it didn't load, or a hook threw. */
function failedAsAWhole(module: TestModule): boolean {
  return module.state() === 'failed' && module.children.allTests('failed').next().done === true;
}

function describeSkipped(test: TestCase): string {
  return `skipped, which fails the run: ${test.module.moduleId} > ${test.fullName}\n`;
}
