import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Domain, Hypervisor } from '../../../src/guest/hypervisor.ts';
import { LibvirtError } from '../../../src/libvirt/errors.ts';

/** What goes wrong with one call: it is lost on its way, carried out but its answer lost, or carried out much later. */
export type Fault = 'none' | 'lost' | 'answerLost' | 'late';

interface Run {
  child: ChildProcess;
  stdout: Buffer[];
  stderr: Buffer[];
  code?: number | null;
}

/**
 * A simulated guest, for fault search only: guest-exec runs the launcher in a real shell on this machine, with a folder
 * in place of the guest's /run/qga, and calls fail as libvirt's do.
 */
export class SimulatedGuest implements Hypervisor {
  readonly #folder: string;
  readonly #runs = new Map<number, Run>();
  readonly #late: Promise<void>[] = [];
  /** Decides about each call. */
  faultOf: (command: string) => Fault = () => 'none';

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** Every call that was late has arrived, and everything that was started has ended. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
    await Promise.all([...this.#runs.values()].map(({ child }) => ended(child)));
  }

  /** As a reboot: what ran is gone, and so is what was kept in /run. */
  reboot(): void {
    for (const { child } of this.#runs.values()) child.kill('SIGKILL');
    this.#runs.clear();
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
  }

  /** As a restart of the guest's agent: it knows no pid of before. */
  restartAgent(): void {
    this.#runs.clear();
  }

  async agentCommand(_uuid: string, request: string): Promise<string> {
    const { execute, arguments: args = {} } = JSON.parse(request);
    const fault = this.faultOf(execute);
    if (fault === 'lost') throw silent();
    if (fault === 'late') {
      this.#late.push(delay(30).then(() => void this.#carryOut(execute, args)));
      throw silent();
    }
    const result = this.#carryOut(execute, args);
    if (fault === 'answerLost') throw silent();
    if (result === undefined) throw refused(execute);
    return JSON.stringify({ return: result });
  }

  #carryOut(execute: string, args: Record<string, unknown>): object | undefined {
    if (execute === 'guest-exec') return { pid: this.#start(args) };
    if (execute !== 'guest-exec-status') return undefined;
    const pid = Number(args['pid']);
    const run = this.#runs.get(pid);
    if (!run) return undefined;
    if (run.code === undefined) return { exited: false };
    // The first look after the end also forgets it (C6).
    this.#runs.delete(pid);
    const base64 = (chunks: Buffer[]) => Buffer.concat(chunks).toString('base64');
    return { exited: true, exitcode: run.code ?? 0, 'out-data': base64(run.stdout), 'err-data': base64(run.stderr) };
  }

  #start(args: Record<string, unknown>): number {
    const script = Buffer.from(String(args['input-data']), 'base64').toString().replaceAll('/run/qga', this.#folder);
    const child = spawn(String(args['path']), args['arg'] as string[]);
    const run: Run = { child, stdout: [], stderr: [] };
    child.stdout.on('data', (chunk: Buffer) => run.stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => run.stderr.push(chunk));
    child.on('close', (code) => {
      run.code = code;
    });
    child.stdin.end(script);
    this.#runs.set(child.pid as number, run);
    return child.pid as number;
  }

  async fsFreeze(): Promise<number> {
    throw refused('guest-fsfreeze-freeze');
  }
  async fsThaw(): Promise<number> {
    throw refused('guest-fsfreeze-thaw');
  }
  info() {
    return { uri: 'simulated:///', libvirtVersion: '9.0.0', hypervisorVersion: 'simulated 1.0.0' };
  }
  async domains(): Promise<Domain[]> {
    return [];
  }
  async domain(): Promise<Domain | undefined> {
    return undefined;
  }
  async agentChannelXml(): Promise<string | undefined> {
    return undefined;
  }
  async attachDevice(): Promise<void> {}
  async detachDevice(): Promise<void> {}
  async setUserPassword(): Promise<void> {
    throw refused('guest-set-user-password');
  }
  async isMigrating(): Promise<boolean> {
    return false;
  }
  async wakeUp(): Promise<void> {}
  subscribe(): () => void {
    return () => {};
  }
}

/** How often a command that appends to `file` was started. */
export function startsIn(folder: string, file: string): number {
  try {
    return readFileSync(join(folder, file), 'utf8').split('\n').length - 1;
  } catch {
    return 0;
  }
}

function silent(): LibvirtError {
  return new LibvirtError({ code: 86, domain: 10, level: 2, message: 'Guest agent is not responding' }, false);
}

function refused(command: string): LibvirtError {
  const message = `internal error: unable to execute QEMU agent command '${command}': no`;
  return new LibvirtError({ code: 1, domain: 10, level: 2, message }, false);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await new Promise((resolve) => child.once('close', resolve));
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
