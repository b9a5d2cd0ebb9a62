import * as z from 'zod';
import { rules } from './common.ts';

/** A line of cron, less the zone and the seconds that some dialects put into it. */
export const schedule = z
  .string()
  .max(256)
  .meta(
    rules({
      rule: String.raw`self.matches('^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^@ \t=]+([ \t]+[^ \t=]+){4})$')`,
      message:
        'a schedule is five fields, minute hour day-of-month month day-of-week, or @hourly, @daily, @weekly, @monthly, @yearly; the zone is in timeZone',
    }),
  );
