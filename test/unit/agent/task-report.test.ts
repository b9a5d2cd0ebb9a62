import { expect, it } from 'vitest';
import { TaskReport } from '../../../src/agent/task-report.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { aGuest, aJob, aTask } from '../manager/objects.ts';
import { FakeClock, settled } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

it('writes once what is said again and again, as of a thaw that is owed for days', async () => {
  const written: GuestTask['status'][] = [];
  const cluster: Partial<Cluster> = {
    async replaceStatus(_, object) {
      const answer = JSON.parse(JSON.stringify(object));
      written.push(answer.status);
      return answer;
    },
  };
  const options = { clock: new FakeClock(), logger: recordingLogger().logger, signal: new AbortController().signal };
  const report = new TaskReport(aTask(aJob(), aGuest('web-1')), { ...options, cluster: cluster as Cluster });

  for (const thawOwed of [true, true, true, undefined]) {
    report.show({ phase: 'Held', reason: 'ThawOwed', freeze: { thawOwed, verdict: undefined } });
    await settled();
  }
  await report.close();

  expect(written.map((status) => status?.freeze?.thawOwed)).toEqual([true, undefined]);
});
