import { readFileSync } from 'node:fs';
import { eventually } from '../eventually.ts';
import { type GuestCommandResult, runInGuest, shellLine } from './control-channel.ts';
import type { GuestFiles } from './domain-xml.ts';

/** One real virtual machine with a real guest agent. Methods that change its state resolve when it has changed. */
export interface TestGuest {
  readonly name: string;
  readonly uuid: string;
  /** Resolves when the agent answers a ping through libvirt. */
  waitForAgent(timeoutMs?: number): Promise<void>;
  /** libvirt's word for the domain's state: "running", "shut off", "paused", "pmsuspended". */
  state(): Promise<string>;
  start(): Promise<void>;
  /** By the ACPI power button. */
  shutdown(): Promise<void>;
  /** Pulls the plug. */
  destroy(): Promise<void>;
  /**
   * Boots the guest's kernel again in the same QEMU process; resolves when the new one runs. Slower than a cold start,
   * since the new kernel is unpacked over code that QEMU has translated.
   */
  reboot(): Promise<void>;
  suspend(): Promise<void>;
  /** Saves it to disk as it is: `start` restores it. */
  save(): Promise<void>;
  resume(): Promise<void>;
  /** Ends a suspend-to-RAM of the guest's own: from "pmsuspended" to "running". */
  wakeUp(): Promise<void>;
  /** Destroys it where it runs, and removes its definition. */
  undefine(): Promise<void>;
  /** QEMU's process on the host. */
  qemuPid(): number;
  /** The host's file that takes what the guest writes to its serial console. */
  readonly consoleFile: string;
  /** What the guest wrote to its serial console so far. */
  console(): string;
  /** One raw agent command through libvirt, whose `return` it gives: for oracles. Rejects with a CommandError. */
  agent(command: string, args?: Record<string, unknown>): Promise<unknown>;
  /** Runs a command in the guest without its agent; exit codes other than 0 are results, not errors. */
  exec(command: readonly string[], timeoutMs?: number): Promise<GuestCommandResult>;
  /** The same for a script of the guest's shell. */
  sh(script: string, timeoutMs?: number): Promise<GuestCommandResult>;
  /** Makes the agent hang: the channel stays connected, nothing is answered. */
  stopAgent(): Promise<void>;
  continueAgent(): Promise<void>;
  /** The agent dies and is started again within two seconds. */
  killAgent(): Promise<void>;
}

/** What a guest needs of its hypervisor. */
export interface GuestHome {
  virsh(args: readonly string[]): Promise<string>;
  /** The host's process id of the guest's QEMU. */
  qemuPid(name: string): number;
}

const bootTimeoutMs = 400_000;
const stateTimeoutMs = 120_000;
const scriptTimeoutMs = 30_000;

export function testGuest(home: GuestHome, name: string, uuid: string, files: GuestFiles): TestGuest {
  async function sh(script: string, timeoutMs = scriptTimeoutMs): Promise<GuestCommandResult> {
    return runInGuest(files.controlSocket, script, timeoutMs);
  }
  async function state(): Promise<string> {
    return (await home.virsh(['domstate', uuid])).trim();
  }
  async function become(wanted: string, ...command: string[]): Promise<void> {
    await home.virsh([...command, uuid]);
    await eventually(async () => (await state()) === wanted, {
      what: `${name} to be ${wanted}`,
      timeoutMs: stateTimeoutMs,
      intervalMs: 200,
    });
  }
  async function agent(command: string, args?: Record<string, unknown>): Promise<unknown> {
    const request = JSON.stringify({ execute: command, ...(args && { arguments: args }) });
    const reply: { return: unknown } = JSON.parse(
      await home.virsh(['qemu-agent-command', uuid, request, '--timeout', '10']),
    );
    return reply.return;
  }
  async function signalAgent(signal: string): Promise<void> {
    const { exitCode } = await sh(`killall -${signal} qemu-ga`);
    if (exitCode !== 0) throw new Error(`${name} runs no agent to send ${signal}`);
  }
  function boots(): number {
    return readFileSync(files.console, 'utf8').split(`${name} is up`).length;
  }

  return {
    name,
    uuid,
    state,
    agent,
    sh,
    async waitForAgent(timeoutMs = bootTimeoutMs) {
      const deadline = performance.now() + timeoutMs;
      await sh('until pidof qemu-ga >/dev/null; do sleep 0.1; done', timeoutMs);
      await eventually(async () => agent('guest-ping'), {
        what: `the agent of ${name} to answer`,
        timeoutMs: Math.max(1000, deadline - performance.now()),
        intervalMs: 100,
      });
    },
    start: () => become('running', 'start'),
    shutdown: () => become('shut off', 'shutdown', '--mode=acpi'),
    destroy: () => become('shut off', 'destroy'),
    save: () => become('shut off', 'managedsave'),
    suspend: () => become('paused', 'suspend'),
    resume: () => become('running', 'resume'),
    wakeUp: () => become('running', 'dompmwakeup'),
    async reboot() {
      const before = boots();
      await sh('(sleep 0.2; reboot) >/dev/null 2>&1 &');
      await eventually(() => boots() > before, { what: `${name} to boot again`, timeoutMs: bootTimeoutMs });
    },
    async undefine() {
      if ((await state()) !== 'shut off') await home.virsh(['destroy', uuid]);
      await home.virsh(['undefine', uuid]);
    },
    qemuPid: () => home.qemuPid(name),
    consoleFile: files.console,
    console: () => readFileSync(files.console, 'utf8'),
    exec: (command, timeoutMs) => sh(shellLine(command), timeoutMs),
    stopAgent: () => signalAgent('STOP'),
    continueAgent: () => signalAgent('CONT'),
    killAgent: () => signalAgent('KILL'),
  };
}
