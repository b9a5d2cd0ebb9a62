import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { narrator } from './demo/narrator.ts';
import {
  becomeRunningDemo,
  DemoRunsAlreadyError,
  demoDir,
  demoLog,
  endRunningDemo,
  removeTraces,
} from './demo/running-demo.ts';
import { raiseStage, type Stage } from './demo/stage.ts';
import { tellStory } from './demo/story.ts';
import { harnessPaths } from './paths.ts';

/** `hold` is what `up` starts in the background. */
const commands: Record<string, () => Promise<void>> = { run, up, hold, down };

/** Shows everything, then removes everything. */
async function run(): Promise<void> {
  const tell = narrator((text) => void process.stdout.write(text));
  const started = performance.now();
  becomeRunningDemo();
  interrupted.addEventListener('abort', () => process.once('exit', removeTraces));
  const stage = await raiseStage(demoDir, tell, interrupted);
  try {
    await tellStory(stage.controlPlane, tell, interrupted);
  } finally {
    tell.say('');
    await tell.step('ending everything', () => stage.stop());
  }
  removeTraces();
  tell.say(`The demo took ${Math.round((performance.now() - started) / 1000)} s. \`make demo-up\` leaves it running.`);
}

type HolderMessage = { text: string } | { up: true };

function sendToStarter(message: HolderMessage): void {
  process.send?.(message);
}

/** Has a process in the background hold the demo, and relays what it tells until the show is over. */
async function up(): Promise<void> {
  const log = openSync(demoLog, 'w');
  const holder = spawn(process.execPath, [import.meta.filename, 'hold'], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
  });
  let isUp = false;
  holder.on('message', (message: HolderMessage) => {
    if ('text' in message) process.stdout.write(message.text);
    else isUp = true;
  });
  interrupted.addEventListener('abort', () => holder.kill('SIGTERM'));
  const ended = once(holder, 'exit');
  await Promise.race([once(holder, 'disconnect'), ended]);
  holder.unref();
  if (interrupted.aborted) await ended;
  if (!isUp) process.exitCode = 1;
}

async function hold(): Promise<void> {
  const tell = narrator((text) => sendToStarter({ text }));
  try {
    becomeRunningDemo();
    const stage = await raiseStage(demoDir, tell, interrupted);
    try {
      await tellStory(stage.controlPlane, tell, interrupted);
      tell.say(howToPlay(stage));
      sendToStarter({ up: true });
      process.disconnect();
      if (!interrupted.aborted) await once(interrupted, 'abort');
    } finally {
      await stage.stop();
    }
  } catch (error) {
    if (process.connected) tell.say(explain(error));
    throw error;
  }
}

async function down(): Promise<void> {
  console.log((await endRunningDemo()) ? 'The demo is gone.' : 'No demo was running.');
}

function howToPlay({ controlPlane, hypervisor }: Stage): string {
  return `
It goes on running. To play with it:

  export KUBECONFIG=${controlPlane.kubeconfig}
  export PATH=${harnessPaths().controlPlane}:$PATH
  kubectl get guests -w
  virsh -c '${hypervisor.uri}' list

\`make demo-down\` removes it.`;
}

function explain(error: unknown): string {
  if (interrupted.aborted) return '\nInterrupted: everything is ended.';
  if (error instanceof DemoRunsAlreadyError) return error.message;
  return `\n${error instanceof Error ? error.message : String(error)}\nEverything is ended; the logs are in ${demoDir}.`;
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  return controller.signal;
}

const interrupted = untilInterrupted();
const command = commands[process.argv[2] ?? ''];
if (!command) {
  console.error('usage: demo.ts run | up | down');
  process.exit(2);
}
try {
  await command();
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
}
