import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

const longestReason = 400;

/**
 * Ends a run's output with what failed, a line each, and with its counts, alone on the last line. Fails a run in which
 * a test was skipped: a missing part has to be installed, not worked around. A run that was narrowed by name may leave
 * tests out.
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
      const skipped = tests.filter((test) => test.result().state === 'skipped');
      const failures = [
        ...modules.flatMap(failuresOf),
        ...unhandledErrors.map((error) => failure('outside of tests', error)),
      ];
      // At exit, because the end of shared control planes and hypervisors may still have something to say.
      process.once('exit', (code) => {
        if (!narrowed && skipped.length > 0) {
          process.exitCode = 1;
          // A file that failed as a whole skipped its tests for that, and says so itself.
          for (const test of skipped) if (!failedAsAWhole(test.module)) process.stdout.write(describeSkipped(test));
        }
        // Once more, short: of a long log, often only the end is kept.
        for (const line of failures) process.stdout.write(line);
        // A set-up that failed is no test, yet something did fail.
        process.stdout.write(countsLine(passed, Math.max(failures.length, code === 0 ? 0 : 1), skipped.length));
      });
    },
  };
}

function countsLine(passed: number, failed: number, skipped: number): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
}

function failuresOf(module: TestModule): string[] {
  const tests = [...module.children.allTests('failed')];
  if (!failedAsAWhole(module)) return tests.map((test) => failure(nameOf(test), test.result().errors?.[0]));
  const suites = [...module.children.allSuites()];
  return [failure(module.moduleId, [module, ...suites].flatMap((part) => part.errors())[0])];
}

/** Whether a file failed outside of its tests: it didn't load, or a hook threw. */
function failedAsAWhole(module: TestModule): boolean {
  return module.state() === 'failed' && module.children.allTests('failed').next().done === true;
}

function failure(where: string, error: { message?: string } | undefined): string {
  return `failed: ${where}: ${(error?.message ?? 'without an error').slice(0, longestReason).replaceAll('\n', ' ')}\n`;
}

function describeSkipped(test: TestCase): string {
  return `skipped, which fails the run: ${nameOf(test)}\n`;
}

function nameOf(test: TestCase): string {
  return `${test.module.moduleId} > ${test.fullName}`;
}
