import { describe, expect, it, onTestFinished } from 'vitest';
import type { TaskOutcome } from '../../../src/agent/task-decision.ts';
import { deliver, withOutcome } from '../../../src/agent/task-delivery.ts';
import type { GuestTask } from '../../../src/api/resources.ts';
import type { Cluster } from '../../../src/kube/cluster.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { HttpCluster } from '../../../src/kube/http-cluster.ts';
import { eventually } from '../../harness/eventually.ts';
import { aFreezeTask, aGuest, aJob, aTask, aWindow, held, noon } from '../manager/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { type Answer, json, startScriptedApiServer } from '../support/scripted-api-server.ts';

const claim = { node: 'hv1', instance: 'me', journal: 'journal-1', time: '2026-01-01T12:00:01Z' };
const task = aTask(aJob(), aGuest('web-1'), { phase: 'Running', claim });
const outcome: TaskOutcome = {
  phase: 'Failed',
  reason: 'NonZeroExit',
  message: 'the command exited with 3',
  exec: { exitCode: 3, stdout: 'canary', stdoutBytes: 6, stderrBytes: 0 },
};
const tooLarge = new ApiError(413, 'RequestEntityTooLarge', 'Request entity too large: limit is 3145728');
const etcdTooLarge = new ApiError(500, 'InternalError', 'etcdserver: request is too large');
const invalid = new ApiError(422, 'Invalid', 'status.exec.stdout: Invalid value');

/** Delivers to an API server that refuses a status as `refusal` says; answers what it took and how often it was asked. */
async function delivered(refusal: (status: NonNullable<GuestTask['status']>, asked: number) => Error | undefined) {
  const clock = new FakeClock();
  let asked = 0;
  let taken: GuestTask['status'];
  const cluster = {
    async replaceStatus(_kind: unknown, written: GuestTask) {
      asked += 1;
      const error = refusal(written.status ?? {}, asked);
      if (error) throw error;
      taken = written.status;
      return written;
    },
    get: async () => task,
  } as unknown as Cluster;
  const { logger } = recordingLogger();
  const over = deliver(task, outcome, {
    cluster,
    journalId: 'journal-1',
    clock,
    logger,
    signal: new AbortController().signal,
  });
  await clock.advance(600_000);
  await over;
  return { taken, asked };
}

it.each([tooLarge, etcdTooLarge])(
  'leaves out what came from the guest where that is too large: $message',
  async (error) => {
    const { taken, asked } = await delivered(({ exec }) => (exec?.stdout ? error : undefined));

    expect(asked).toBe(2);
    expect(taken).toMatchObject({ phase: 'Failed', reason: 'NonZeroExit', exec: { exitCode: 3, truncated: true } });
    expect(taken?.exec).not.toHaveProperty('stdout');
    expect(taken?.message).toBe(
      `the command exited with 3; the API server did not take what came from the guest: ${error.message}`,
    );
    expect(taken?.conditions).toMatchObject([{ type: 'Failed', reason: 'NonZeroExit' }]);
  },
);

it('tells how it ended though nothing of what came from the guest is taken', async () => {
  const { taken } = await delivered(({ exec }) => (exec ? invalid : undefined));

  expect(taken).toMatchObject({ phase: 'Failed', reason: 'NonZeroExit' });
  expect(taken).not.toHaveProperty('exec');
});

it('tells the whole of it where a rule that refused it is mended', async () => {
  const { taken } = await delivered((_status, asked) => (asked < 3 ? invalid : undefined));

  expect(taken).toMatchObject({ exec: { stdout: 'canary' } });
});

it('tells the whole of it after an outage, however long', async () => {
  const { taken } = await delivered((_status, asked) => (asked < 20 ? new ApiError(503, 'X', 'away') : undefined));

  expect(taken).toMatchObject({ exec: { stdout: 'canary' } });
});

it.each([
  ['before the status can be written', ['PUT']],
  ['after a failure, when it is asked for the task,', ['PUT', 'GET']],
])('tells the whole of it though a proxy answers 404 in place of the API server %s', async (_, answeredByProxy) => {
  const server = await startScriptedApiServer();
  const cluster = new HttpCluster({ endpoint: server.endpoint, random: () => 0.5 });
  onTestFinished(async () => {
    await cluster.close();
    await server.close();
  });
  const proxied: Answer = (response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<html/>');
  const rest = [...answeredByProxy];
  let taken: GuestTask['status'];
  server.answer((response, request) => {
    if (request.method === rest[0]) {
      rest.shift();
      proxied(response, request);
    } else if (request.method === 'PUT') {
      taken = (JSON.parse(request.body) as GuestTask).status;
      json(200, JSON.parse(request.body))(response, request);
    } else if (request.path.endsWith(task.metadata.name)) json(200, task)(response, request);
    else proxied(response, request);
  });
  const clock = new FakeClock();
  const { logger } = recordingLogger();
  const options = { cluster, journalId: 'journal-1', clock, logger, signal: new AbortController().signal };

  let over = false;
  const delivering = deliver(task, outcome, options).finally(() => {
    over = true;
  });
  const moveOn = async () => {
    await clock.advance(1000);
    return over;
  };
  await eventually(moveOn, { what: 'the end of the delivery', timeoutMs: 10_000, intervalMs: 5 });
  await delivering;

  expect(taken).toMatchObject({ phase: 'Failed', exec: { stdout: 'canary' } });
});

describe('whether other hosts had a hand in a delivered task', () => {
  const moved = (moves: number, nodeName = 'hv1') => ({ ...task, spec: { ...task.spec, moves, nodeName } });
  const conflict = new ApiError(409, 'Conflict', 'the object has been modified');
  const notFound = new ApiError(404, 'NotFound', 'no such task');
  const over = withOutcome(task, outcome, noon);
  const claimedAnew = { ...task, status: { ...task.status, claim: { ...claim, journal: 'journal-2' } } };

  it.each<[string, Error | undefined, GuestTask | Error, boolean]>([
    ['no: it wrote the outcome', undefined, task, false],
    ['no: the outcome turns out to be written', conflict, over, false],
    ['no: the task is gone', notFound, notFound, false],
    ['no: another task took its name', conflict, aTask(aJob(), aGuest('web-2')), false],
    ['yes: the task is at another host', conflict, moved(1, 'hv2'), true],
    ['yes: the task ended at another host', conflict, { ...over, spec: moved(1, 'hv2').spec }, true],
    ['yes: the task was at another host and is back', conflict, moved(2), true],
    ['yes: the task was at another host and is over', conflict, { ...over, spec: moved(2).spec }, true],
    ['yes: another journal claimed the task', conflict, claimedAnew, true],
  ])('%s', async (_, refusal, found, shared) => {
    let refused = false;
    const cluster = {
      async replaceStatus(_kind: unknown, written: GuestTask) {
        if (refusal && !refused) {
          refused = true;
          throw refusal;
        }
        return written;
      },
      async get() {
        if (found instanceof Error) throw found;
        return found;
      },
    } as unknown as Cluster;
    const signal = new AbortController().signal;
    const options = {
      cluster,
      journalId: 'journal-1',
      clock: new FakeClock(),
      logger: recordingLogger().logger,
      signal,
    };

    expect(await deliver(task, outcome, options)).toEqual({ shared });
  });
});

const lost = { phase: 'Unknown', reason: 'JournalLost' } as const;

it('keeps what was told of a freeze when a task ends of which nothing newer is known, and no debt that nobody settles', () => {
  const { phase, freeze } = held();
  const owed = aFreezeTask(aWindow(), aGuest('web-1'), { phase, freeze: { ...freeze, thawOwed: true } });

  expect(withOutcome(owed, lost, noon).status).toMatchObject({ ...lost, freeze });
  expect(withOutcome(owed, lost, noon).status?.freeze).not.toHaveProperty('thawOwed');
});

it('says what became of a freeze in place of what was told before', () => {
  const freeze = { verdict: 'ConsistencyLost', endedBy: 'Guard' } as const;
  const frozen = aFreezeTask(aWindow(), aGuest('web-1'), held());

  expect(withOutcome(frozen, { ...lost, freeze }, noon).status?.freeze).toEqual(freeze);
});

it('tells nothing of a freeze where there was none', () => {
  expect(withOutcome(aFreezeTask(aWindow(), aGuest('web-1')), lost, noon).status).not.toHaveProperty('freeze');
});
