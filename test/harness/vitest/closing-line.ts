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
      const passed = tests.filter((test) => test.result().state === 'passed');
      const failed = tests.filter((test) => test.result().state === 'failed');
      const skipped = tests.filter((test) => test.result().state === 'skipped');
      const failures = failed.length + modules.filter(failedAsAWhole).length + unhandledErrors.length;
      // At exit, because the end of shared control planes and hypervisors may still have something to say.
      process.once('exit', () => {
        const forbidden = narrowed ? [] : skipped;
        if (forbidden.length > 0) process.exitCode = 1;
        const counts = `${passed.length} passed, ${failures} failed`;
        const lines = [
          ...forbidden.map(describeSkipped),
          skipped.length > 0 ? `${counts}, ${skipped.length} skipped` : counts,
        ];
        process.stdout.write(`${lines.join('\n')}\n`);
      });
    },
  };
}

/** Whether a file failed outside of its tests: it didn't load, or a hook threw. */
function failedAsAWhole(module: TestModule): boolean {
  return module.state() === 'failed' && ![...module.children.allTests('failed')].length;
}

function describeSkipped(test: TestCase): string {
  return `skipped, which fails the run: ${test.module.moduleId} > ${test.fullName}`;
}
