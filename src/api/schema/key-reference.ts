import * as z from 'zod';
import { rules } from './common.ts';

/** One key of a ConfigMap or a Secret of the object's own namespace. */
const keySelector = z.object({
  name: z.string().min(1).max(253),
  key: z.string().min(1).max(253),
  optional: z.boolean().optional().describe('true: nothing is given where the object or its key is missing.'),
});

/** Where a value comes from, as Kubernetes' EnvVarSource has it. The manager reads it and seals it to the node's key. */
export const keyReference = z
  .object({ configMapKeyRef: keySelector.optional(), secretKeyRef: keySelector.optional() })
  .meta(
    rules({
      rule: 'has(self.configMapKeyRef) != has(self.secretKeyRef)',
      message: 'name exactly one of configMapKeyRef and secretKeyRef',
    }),
  );

export type KeyReference = z.infer<typeof keyReference>;
