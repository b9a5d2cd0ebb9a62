import { createHash } from 'node:crypto';
import { durationMs } from '../api/duration.ts';
import type { PasswordRotation } from '../api/resources.ts';
import { type CronSchedule, InvalidSchedule, parseCron } from './cron-schedule.ts';

/** When the guests of one rotation have their turns. */
export interface Turns {
  /**
   * The next turn of a guest that was last rotated at `last`, both in milliseconds since the epoch; undefined: only on
   * demand. One that was missed by more than startingDeadlineSeconds is left out.
   */
  next(guestUid: string, last: number, now: number): number | undefined;
}

const minuteMs = 60_000;

/** Throws an InvalidSchedule. */
export function turnsOf({ spec, metadata }: PasswordRotation): Turns {
  const { schedule, timeZone, interval, jitter, startingDeadlineSeconds } = spec;
  const graceMs = startingDeadlineSeconds === undefined ? Number.POSITIVE_INFINITY : startingDeadlineSeconds * 1000;
  const intervalMs = interval === undefined ? undefined : durationMs(interval);
  const jitterMs = jitter === undefined ? (intervalMs ?? 0) / 10 : durationMs(jitter);
  // Whole seconds, as a Secret keeps the last turn: else a guest would seem to have been rotated before its turn.
  const offsetOf = (guestUid: string) => Math.floor((jitterMs * share(`${metadata.uid}/${guestUid}`)) / 1000) * 1000;
  if (schedule !== undefined) {
    const cron = remembering(parseCron(schedule, timeZone));
    return {
      next(guestUid, last, now) {
        const offset = offsetOf(guestUid);
        return cron.next(Math.max(last, now - graceMs) - offset) + offset;
      },
    };
  }
  if (intervalMs === undefined) return { next: () => undefined };
  return {
    next(guestUid, last, now) {
      const first = last + intervalMs + offsetOf(guestUid);
      const missed = Math.max(0, Math.ceil((now - graceMs - first) / intervalMs));
      return first + missed * intervalMs;
    },
  };
}

/** What is wrong with a rotation's schedule; undefined where nothing is. */
export function scheduleProblem(rotation: PasswordRotation): string | undefined {
  try {
    turnsOf(rotation);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidSchedule) return error.message;
    throw error;
  }
}

/** A schedule of whole minutes has the same next instant all through a minute: of a fleet many ask for the same. */
function remembering(cron: CronSchedule): Pick<CronSchedule, 'next'> {
  const known = new Map<number, number>();
  return {
    next(after) {
      const minute = Math.floor(after / minuteMs);
      const instant = known.get(minute) ?? cron.next(minute * minuteMs);
      known.set(minute, instant);
      return instant;
    },
  };
}

/** A number in [0, 1) that is always the same for the same text. */
function share(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
