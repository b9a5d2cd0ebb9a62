import { describe, expect, it } from 'vitest';
import { apiVersion, type GuestTask, guestTasks } from '../../../src/api/resources.ts';
import { createOnce } from '../../../src/cli/connect/effects.ts';
import { follow, untilHolds } from '../../../src/cli/connect/follow.ts';
import { outputOf } from '../../../src/cli/output/task-output.ts';
import type { Secret } from '../../../src/kube/core-resources.ts';
import { ApiError } from '../../../src/kube/errors.ts';
import { collected } from '../support/collected.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hang, MemoryCluster } from '../support/memory-cluster.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const never = new AbortController().signal;
const ref = { namespace: 'team-a', name: 'one' };

function aTask(phase?: 'Running' | 'Succeeded'): GuestTask {
  return {
    apiVersion,
    kind: 'GuestTask',
    metadata: { ...ref },
    spec: { guestName: 'web-1', action: {} },
    ...(phase && { status: { phase } }),
  };
}

describe('following an object', () => {
  it('goes on where a watch ended or broke', async () => {
    const cluster = new ScriptedCluster({
      lists: [
        { items: [aTask()], resourceVersion: '1' },
        new ApiError(0, 'ConnectionLost', 'gone'),
        { items: [aTask('Running')], resourceVersion: '2' },
      ],
      watches: [['end'], [{ type: 'MODIFIED', object: aTask('Succeeded') }]],
    });
    const clock = new FakeClock();
    const states = follow(cluster, guestTasks, ref, clock, never);

    const found = untilHolds(states, ({ status }) => status?.phase === 'Succeeded');
    await clock.advance(1000);
    await clock.advance(1000);

    expect((await found)?.status?.phase).toBe('Succeeded');
    expect(cluster.asked).toEqual(['list', 'watch 1', 'list', 'list', 'watch 2']);
  });

  it('ends with the object', async () => {
    const cluster = new ScriptedCluster({
      lists: [{ items: [aTask()], resourceVersion: '1' }],
      watches: [[{ type: 'DELETED', object: aTask() }]],
    });

    const seen = await collected(follow(cluster, guestTasks, ref, new FakeClock(), never));

    expect(seen).toEqual([aTask(), undefined]);
  });

  it('does not ask again where the API server says no', async () => {
    const cluster = new ScriptedCluster({ lists: [new ApiError(403, 'Forbidden', 'no')], watches: [] });

    await expect(collected(follow(cluster, guestTasks, ref, new FakeClock(), never))).rejects.toThrow('no');
  });
});

describe('creating an object of a name that nobody else uses', () => {
  it('sends it again when the answer was lost, and finds that it had arrived', async () => {
    const memory = new MemoryCluster();
    let creates = 0;
    memory.beforeCall = async (call) => {
      if (call !== 'create' || ++creates > 1) return;
      memory.objects.set('team-a/one', aTask());
      throw new ApiError(0, 'ConnectionLost', 'no answer');
    };
    const clock = new FakeClock();

    const made = createOnce(memory.cluster, guestTasks, aTask(), clock, never);
    await clock.advance(1000);

    expect((await made).metadata.name).toBe('one');
    expect(memory.calls).toEqual(['create', 'create', 'get']);
  });

  it('sends it again when somebody else answered in place of the API server', async () => {
    const memory = new MemoryCluster();
    let creates = 0;
    memory.beforeCall = (call) => {
      if (call === 'create' && ++creates === 1) throw new ApiError(404, 'HTTP404', "a proxy's page");
    };
    const clock = new FakeClock();

    const made = createOnce(memory.cluster, guestTasks, aTask(), clock, never);
    await clock.advance(1000);

    expect((await made).metadata.name).toBe('one');
  });

  it('gives what was sent time to arrive before it fails, so that it can be found and removed', async () => {
    const memory = new MemoryCluster();
    memory.beforeCall = async (_, signal) => await hang(signal);
    const clock = new FakeClock();
    const stop = new AbortController();
    let failed = false;

    const made = createOnce(memory.cluster, guestTasks, aTask(), clock, stop.signal).catch(() => {
      failed = true;
    });
    stop.abort(new Error('interrupted'));
    await clock.advance(900);
    expect(failed).toBe(false);
    await clock.advance(100);
    await made;

    expect(failed).toBe(true);
  });

  it('takes a name that is taken for somebody else’s when nothing was lost', async () => {
    const memory = new MemoryCluster();
    memory.objects.set('team-a/one', aTask());

    await expect(createOnce(memory.cluster, guestTasks, aTask(), new FakeClock(), never)).rejects.toThrow('exists');
  });
});

it('puts output together from the objects that hold it, in their order', async () => {
  const memory = new MemoryCluster();
  for (const [name, data] of [
    ['a', 'hello '],
    ['b', 'world'],
  ] as const) {
    memory.objects.set(`team-a/${name}`, {
      metadata: { name },
      data: { data: Buffer.from(data).toString('base64') },
    } as Secret);
  }
  const task = aTask('Succeeded');
  const stored = { kind: 'Secret', stdout: ['a', 'b'], stdoutBytes: 11 } as const;
  task.status = {
    phase: 'Succeeded',
    exec: { stdout: 'hel…', truncated: true, stdoutBytes: 20, stored: { ...stored, stdout: [...stored.stdout] } },
  };

  const output = await outputOf(memory.cluster, task, never);

  expect(output).toEqual({ stdout: Buffer.from('hello world'), stderr: Buffer.alloc(0), truncated: true });
});

it('takes bytes that are no text from where they are exact', async () => {
  const task = aTask('Succeeded');
  task.status = { phase: 'Succeeded', exec: { stdout: '\ufffd', stdoutBase64: '/w==', stderr: 'warned' } };

  expect(await outputOf(new MemoryCluster().cluster, task, never)).toEqual({
    stdout: Buffer.from([0xff]),
    stderr: Buffer.from('warned'),
    truncated: false,
  });
});
