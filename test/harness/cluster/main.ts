import { once } from 'node:events';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../cluster.ts';
import { type Narrator, narrator } from '../demo/narrator.ts';
import { demoGuests } from '../demo/stage.ts';
import { tellStory } from '../demo/story.ts';
import { startHypervisor } from '../hypervisor.ts';
import { harnessPaths } from '../paths.ts';
import { buildImages } from './images.ts';

const dir = join(tmpdir(), 'qga-cluster');
/** What is done with a cluster once the operator runs in it. */
const purposes: Record<string, (cluster: Cluster, tell: Narrator, signal: AbortSignal) => Promise<void>> = {
  demo: tellStory,
  play: playUntilInterrupted,
};

/** A cluster from nothing to guests in `kubectl get guests`, for one of its purposes. */
async function main(purpose: (typeof purposes)[string], signal: AbortSignal): Promise<void> {
  const tell = narrator((text) => void process.stdout.write(text));
  const { step, show } = tell;
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  await step("building the operator's image from the Dockerfile, unless it is built", () => buildImages());
  const hypervisor = await step('starting a libvirtd of its own with three emulated guests', async () => {
    const started = await startHypervisor({ dir: join(dir, 'hv'), signal });
    await Promise.all(demoGuests.map((guest) => started.defineGuest({ ...guest, namespace: 'default' })));
    return started;
  });
  try {
    const libvirtSockets = join(hypervisor.dir, 'run');
    const cluster = await step('starting a node of Kubernetes in namespaces of its own', () =>
      startCluster({ dir: join(dir, 'cluster'), libvirtSockets, signal }),
    );
    try {
      await step('installing the chart by Helm', () => cluster.install());
      await show('kubectl get pods -A -o wide', () => cluster.kubectl('get', 'pods', '-A', '-o', 'wide'));
      await step("waiting until the guests' agents answer", async () => {
        const names = demoGuests.map(({ name }) => `guest/${name}`);
        await cluster.kubectl('wait', '--for=condition=AgentConnected', ...names, '--timeout=90s');
      });
      await purpose(cluster, tell, signal);
    } finally {
      await step('ending everything', () => cluster.stop());
    }
  } finally {
    await hypervisor.stop();
  }
}

async function playUntilInterrupted(cluster: Cluster, { say, show }: Narrator, signal: AbortSignal): Promise<void> {
  await show('kubectl get guesthosts', () => cluster.kubectl('get', 'guesthosts'));
  say(await howToPlay(cluster));
  if (!signal.aborted) await once(signal, 'abort');
}

/** Writes commands that work in the node, and says how to use them. */
async function howToPlay({ enter, kubeconfig }: Cluster): Promise<string> {
  const bin = join(dir, 'bin');
  await mkdir(bin);
  const { controlPlane, helm } = harnessPaths();
  for (const program of [join(controlPlane, 'kubectl'), join(helm, 'helm')]) {
    const path = join(bin, program.endsWith('helm') ? 'helm' : 'kubectl');
    const command = [...enter, program, '--kubeconfig', kubeconfig].map((word) => `'${word}'`).join(' ');
    await writeFile(path, `#!/bin/sh\nexec ${command} "$@"\n`);
    await chmod(path, 0o755);
  }
  return `
It goes on running until you press Ctrl-C. To play with it, in another shell:

  export PATH=${bin}:$PATH
  kubectl get guests -A -w
  kubectl logs -n qga-system daemonset/qga-operator-agent`;
}

const purpose = purposes[process.argv[2] ?? ''];
if (!purpose) {
  console.error(`usage: main.ts ${Object.keys(purposes).join(' | ')}`);
  process.exit(2);
}
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interruption.abort());
try {
  await main(purpose, interruption.signal);
} catch (error) {
  if (!interruption.signal.aborted) throw error;
}
