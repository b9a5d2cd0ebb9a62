import * as z from 'zod';
import { time } from './common.ts';
import { taskPhases } from './guest-task.ts';

/** What the kinds that act on guests tell of each of them alike. */
export const guestResultFields = {
  name: z.string(),
  node: z.string().optional(),
  phase: z.enum(taskPhases),
  reason: z.string().optional(),
  message: z.string().optional(),
  startTime: time.optional(),
  completionTime: time.optional(),
  attempts: z.int(),
  taskName: z.string().optional().describe('The GuestTask with the rest.'),
};

const guestResult = z.object(guestResultFields);

export type CommonGuestResult = z.infer<typeof guestResult>;
