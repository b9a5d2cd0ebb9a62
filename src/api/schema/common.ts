import * as z from 'zod';

/** A CEL rule as Kubernetes evaluates it at `kubectl apply`, and the sentence a person reads when it says no. */
export interface ValidationRule {
  rule: string;
  message: string;
  fieldPath?: string;
}

/** Attaches CEL rules to a schema: `schema.meta(rules({ rule, message }))`. */
export function rules(...validations: ValidationRule[]): Record<string, unknown> {
  return { 'x-kubernetes-validations': validations };
}

/** Makes an array of objects a map by `key`: two appliers may each own their entries (server-side apply). */
export function listMapBy(key: string): Record<string, unknown> {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] };
}

/**
 * Makes an object one value to server-side apply: whoever applies any of it owns all of it. For what one program writes
 * as a whole; the API server keeps account of every other field's owner, on every write and in every watch event.
 */
export const ownedAsAWhole = { 'x-kubernetes-map-type': 'atomic' };

/** Refuses a change: for what would lie about the past. */
export function immutable(what: string): Record<string, unknown> {
  return rules({ rule: 'self == oldSelf', message: `${what} can't be changed` });
}

/** Refuses a change once set. */
export function setOnce(what: string): Record<string, unknown> {
  return rules({ rule: 'self == oldSelf', message: `${what} is set once and can't be changed afterwards` });
}

/** metav1.Time: RFC 3339, UTC. */
export const time = z.string().meta({ format: 'date-time' });

export const uuid = z
  .string()
  .max(36)
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);

/** metav1.Condition. */
export const condition = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().max(1024).describe('One word in CamelCase, for programs: see docs/reasons.md.'),
  message: z.string().max(32768).describe('A sentence for people.'),
  lastTransitionTime: time.describe('When the status last changed.'),
  observedGeneration: z.int().optional().describe('The metadata.generation this was said of.'),
});

/** intstr.IntOrString: a number, or a share such as `25%` of what the field says. */
export function intOrPercent(
  what: string,
  { minimum }: { minimum: number },
): z.ZodType<number | string, number | string> {
  const validation = rules({
    rule: `type(self) == int ? self >= ${minimum} && self <= 10000 : self.matches('^(100|[1-9]?[0-9])%$')${minimum > 0 ? " && self != '0%'" : ''}`,
    message: `${what} is a whole number from ${minimum} to 10000, or a percentage such as 25%`,
  });
  return z.any().meta({ 'x-kubernetes-int-or-string': true, ...validation });
}

export const conditions = z.array(condition).max(16).meta(listMapBy('type'));

export type Condition = z.infer<typeof condition>;

const labelValue = z.string().max(63);

/** metav1.LabelSelector, except that it must select by something: an empty selector would mean every guest. */
export const labelSelector = z
  .object({
    matchLabels: z.record(z.string(), labelValue).optional(),
    matchExpressions: z
      .array(
        z.object({
          key: z.string().min(1).max(317),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.array(labelValue).max(64).optional(),
        }),
      )
      .max(32)
      .optional(),
  })
  .meta(
    rules(
      {
        rule: '(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)',
        message: 'the selector is empty: name at least one label in matchLabels or matchExpressions',
      },
      {
        rule: "!has(self.matchExpressions) || self.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))",
        message: 'matchExpressions: In and NotIn need values, Exists and DoesNotExist take none',
      },
    ),
  );

export type LabelSelector = z.infer<typeof labelSelector>;
