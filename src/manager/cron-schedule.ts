import { Cron } from 'croner';

/** The instants of a schedule, in milliseconds since the epoch. */
export interface CronSchedule {
  /** The first one after `now`. */
  next(now: number): number;
  /** The last one not after `now`; undefined when there was none. */
  latest(now: number): number | undefined;
}

/** A schedule or a time zone that means nothing, or whose instants never come. The message says it to a person. */
export class InvalidSchedule extends Error {
  override readonly name = 'InvalidSchedule';
}

const cronLine = /^(@[a-z]+|\S+(\s+\S+){4})$/i;

/**
 * Reads a cron line of five fields, or @daily and the like, in an IANA time zone. Where the clock is put forward, an
 * instant that it leaps over comes right after the leap; where it is put back, an hour's instant comes once, unless the
 * schedule comes several times a day. Throws an InvalidSchedule.
 */
export function parseCron(schedule: string, timeZone = 'UTC'): CronSchedule {
  assertTimeZone(timeZone);
  // The library takes a date, too, which comes once and then never again.
  if (!cronLine.test(schedule.trim())) {
    throw new InvalidSchedule(
      `schedule "${schedule}" can't be understood: give five fields, minute hour day-of-month month day-of-week, or a name like @daily`,
    );
  }
  let cron: Cron;
  try {
    cron = new Cron(schedule, { timezone: timeZone, mode: '5-part' });
  } catch (error) {
    throw new InvalidSchedule(`schedule "${schedule}" can't be understood: ${sentence(error)}`, { cause: error });
  }
  if (!cron.nextRun()) throw new InvalidSchedule(`schedule "${schedule}" never comes: there is no such day`);
  return {
    next: (now) => cron.nextRun(new Date(now))?.getTime() ?? Number.POSITIVE_INFINITY,
    // A millisecond later, because the library leaves out the very instant it is asked about.
    latest: (now) => cron.previousRuns(1, new Date(now + 1))[0]?.getTime(),
  };
}

function assertTimeZone(timeZone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    const message = `there is no time zone "${timeZone}": use a name of the IANA database, like Europe/Berlin`;
    throw new InvalidSchedule(message, { cause: error });
  }
}

/** The library's own words, less its class name. */
function sentence(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^\w+: /, '') : String(error);
}
