// The writes that tasks of the operator are made of, and nothing else: what the API server takes at most.
// usage: bare-writes.ts KUBECONFIG ROUND < tasks      (as a JSON list: tasks that ended)
// Prints one JSON line: how many milliseconds all of it took.
import { text } from 'node:stream/consumers';
import PQueue from 'p-queue';
import { apiVersion, type GuestTask, guestTasks } from '../../src/api/resources.ts';
import { loadEndpoint } from '../../src/kube/endpoint.ts';
import { HttpCluster } from '../../src/kube/http-cluster.ts';
import { systemClock } from '../../src/seams/clock.ts';
import { systemRandom } from '../../src/seams/random.ts';

/** As many as the operator's programs have connections. */
const clients = 21;
const concurrency = 4 * clients;

const [kubeconfig = '', round = ''] = process.argv.slice(2);
const tasks = JSON.parse(await text(process.stdin)) as GuestTask[];
const endpoint = await loadEndpoint(kubeconfig, systemClock);
const clusters = Array.from({ length: clients }, () => new HttpCluster({ endpoint, random: systemRandom.next }));

/** Creates a task like one that ended, claims it, and ends it. */
async function replay({ metadata, spec, status }: GuestTask, index: number): Promise<void> {
  const cluster = clusters[index % clients] as HttpCluster;
  const { namespace, labels, annotations, finalizers } = metadata;
  const fresh = { namespace, name: `bare-${round}-${index}`, labels, annotations, finalizers } as GuestTask['metadata'];
  const created = await cluster.create(guestTasks, { apiVersion, kind: 'GuestTask', metadata: fresh, spec });
  const { claim, startTime, ...end } = status ?? {};
  const claimed = await cluster.replaceStatus(guestTasks, {
    ...created,
    status: { phase: 'Claimed', ...(claim && { claim }), ...(startTime && { startTime }) },
  });
  await cluster.replaceStatus(guestTasks, { ...claimed, status: { ...claimed.status, ...end } });
}

const queue = new PQueue({ concurrency });
const started = performance.now();
await Promise.all(tasks.map((task, index) => queue.add(() => replay(task, index))));
console.log(JSON.stringify({ wallMs: performance.now() - started }));
await Promise.all(clusters.map((cluster) => cluster.close()));
