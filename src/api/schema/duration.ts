import * as z from 'zod';
import { rules } from './common.ts';

/** metav1.Duration, less what nobody writes: hours, minutes and seconds, of at least `minimum` and at most ten years. */
export function duration(what: string, { minimum }: { minimum: string }): z.ZodString {
  return z
    .string()
    .min(2)
    .max(16)
    .meta(
      rules({
        rule: `self.matches('^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$') && duration(self) >= duration('${minimum}') && duration(self) <= duration('87600h')`,
        message: `${what} is a duration such as 720h or 1h30m, of at least ${minimum} and at most 87600h`,
      }),
    );
}
