import { readFileSync, writeFileSync } from 'node:fs';
import { run } from '../harness/run.ts';
import { sum } from './statistics.ts';

/** Of Linux towards user space, on every architecture (USER_HZ). */
const ticksPerSecond = 100;

/** User and system time that the processes and their threads have used so far, in milliseconds; steps of 10. */
export function cpuMs(...pids: number[]): number {
  return sum(pids.map(cpuMsOfOne));
}

function cpuMsOfOne(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may contain blanks; utime and stime are fields 14 and 15 of proc_pid_stat(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

export interface Memory {
  /** Resident now, in MiB. */
  resident: number;
  /** The most it was since it began, or since `forgetPeakOf`. */
  peak: number;
}

/** Lets the peak begin anew with what is resident now: see clear_refs in proc(5). */
export function forgetPeakOf(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

export function memoryOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mebibytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { resident: mebibytes('VmRSS'), peak: mebibytes('VmHWM') };
}

export interface Timed {
  wallMs: number;
  /** Of the command and everything it waited for. */
  cpuMs: number;
}

/** Runs a command to its end and tells what it took; its output is thrown away. Rejects unless it exits 0. */
export async function timed(command: string, args: readonly string[], timeoutMs = 120_000): Promise<Timed> {
  const script = `TIMEFORMAT='%3R %3U %3S'; { time "$@" >/dev/null 2>&3; } 3>&2 2>&1`;
  const output = await run('bash', ['-c', script, 'timed', command, ...args], { timeoutMs });
  const [wall = 0, user = 0, system = 0] = output.trim().split(' ').map(Number);
  return { wallMs: wall * 1000, cpuMs: (user + system) * 1000 };
}
