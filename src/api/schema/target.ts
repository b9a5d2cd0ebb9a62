import * as z from 'zod';
import { labelSelector, rules } from './common.ts';

/** The guests that an object of a namespace names there. */
export const target = z
  .object({
    guestName: z.string().min(1).max(253).optional().describe('One Guest of this namespace.'),
    selector: labelSelector.optional().describe('Every Guest of this namespace with these labels.'),
  })
  .meta(
    rules({
      rule: 'has(self.guestName) != has(self.selector)',
      message: 'target needs exactly one of guestName and selector',
    }),
  );
