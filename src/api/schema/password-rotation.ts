import * as z from 'zod';
import { conditions, intOrPercent, listMapBy, rules, time, type ValidationRule } from './common.ts';
import { duration } from './duration.ts';
import { guestResultFields } from './guest-result.ts';
import { username } from './password.ts';
import { passwordPolicy } from './password-policy.ts';
import { schedule } from './schedule.ts';
import { target } from './target.ts';

const reservedPrefix = {
  rule: "self.all(name, !name.startsWith('qga.dev/'))",
  message: 'names that begin with qga.dev/ are for the operator itself',
};

/** As the API server takes them on a Secret: else each of them would be refused, long after the rotation was applied. */
const nameOfALabel = namesThatAre('name');
/** A domain may be in capitals here. */
const nameOfAnAnnotation = namesThatAre('name.lowerAscii()');

function namesThatAre(name: string): ValidationRule {
  return {
    rule: String.raw`self.all(name, ${name}.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$') && name.indexOf('/') <= 253)`,
    message:
      'a name is up to 63 letters, digits, -, _ and ., begins and ends with a letter or digit, and may have a domain and / before it',
  };
}

const labelValue = z
  .string()
  .max(63)
  .meta(
    rules({
      rule: "self.matches('^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$')",
      message: "a label's value is made of letters, digits, -, _ and ., and begins and ends with a letter or digit",
    }),
  );

const namePattern = z
  .string()
  .min(1)
  .max(200)
  .default('{guest}-{username}')
  .meta(
    rules(
      { rule: "self.contains('{guest}')", message: 'namePattern needs {guest} in it: every guest has its own Secret' },
      {
        rule: "self.replace('{guest}', 'g').replace('{username}', 'u').matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
        message:
          'namePattern is made of lower-case letters, digits, - and ., and of {guest} and {username}; it begins and ends with no sign',
      },
    ),
  )
  .describe('What an account name has that a Secret name can not becomes -.');

const extraData = z
  .record(z.string(), z.string().max(1024))
  .optional()
  .meta({
    maxProperties: 16,
    ...rules(
      {
        rule: "self.all(key, key.matches('^[-._a-zA-Z0-9]{1,253}$') && key != '.' && !key.startsWith('..'))",
        message: 'a key of a Secret is made of letters, digits, -, _ and ., and is neither . nor begins with ..',
      },
      {
        rule: "self.all(key, !(key in ['username', 'password', 'pending-password']) && !key.startsWith('previous-password'))",
        message: 'username, password, pending-password and previous-password… are for the operator itself',
      },
    ),
  })
  .describe('Further keys of each Secret; in their values {guest}, {namespace} and {username} are filled in.');

const secretTemplate = z
  .object({
    namePattern,
    labels: z
      .record(z.string(), labelValue)
      .optional()
      .meta({ maxProperties: 32, ...rules(reservedPrefix, nameOfALabel) }),
    annotations: z
      .record(z.string(), z.string().max(4096))
      .optional()
      .meta({ maxProperties: 32, ...rules(reservedPrefix, nameOfAnAnnotation) }),
    type: z.enum(['kubernetes.io/basic-auth', 'Opaque']).default('kubernetes.io/basic-auth'),
    data: extraData,
  })
  .default({ namePattern: '{guest}-{username}', type: 'kubernetes.io/basic-auth' });

export const passwordRotationSpec = z
  .object({
    target,
    username,
    schedule: schedule
      .optional()
      .describe(
        "When to rotate, as cron has it: minute, hour, day of month, month, day of week. A guest's first rotation comes at once.",
      ),
    timeZone: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe("The schedule's time zone by its IANA name, as Europe/Berlin; UTC where it is missing."),
    interval: duration('interval', { minimum: '1m' })
      .optional()
      .describe(
        'How long after its last rotation a guest is rotated again. Without it and a schedule only on demand, by the annotation qga.dev/rotate-now.',
      ),
    jitter: duration('jitter', { minimum: '0s' })
      .optional()
      .describe(
        'Each guest is rotated later by up to this, always by the same: so that they do not come all at once. Where there is an interval, a tenth of it by default.',
      ),
    passwordPolicy,
    hash: z
      .enum(['sha512crypt', 'yescrypt', 'None'])
      .default('sha512crypt')
      .describe(
        'What of the password reaches the guest: its salted hash, or with None the password itself, for Windows. It is sealed to the node either way. yescrypt needs libxcrypt beside the manager.',
      ),
    parallelism: intOrPercent('parallelism', { minimum: 1 })
      .default(10)
      .describe('In how many guests at once, or in what share of them.'),
    suspend: z.boolean().optional().describe('Begins nothing new in any guest while true.'),
    backoffLimit: z
      .int()
      .min(0)
      .max(100)
      .default(6)
      .describe(
        'How often a rotation that failed in a guest is tried again with the same password, 10 s later, then 20 s, 40 s, up to 6 min. Then that guest is parked for a person.',
      ),
    startingDeadlineSeconds: z
      .int()
      .min(1)
      .max(31536000)
      .optional()
      .describe(
        'A rotation that could not begin within this time waits for its next turn. Without it, it is made up for whenever the guest can be reached.',
      ),
    historyLimit: z
      .int()
      .min(1)
      .max(10)
      .default(3)
      .describe('How many earlier passwords the Secret keeps: a disk rolled back to yesterday has yesterday’s.'),
    drift: z
      .enum(['Report', 'Enforce'])
      .default('Report')
      .describe(
        "What to do about an account that no longer has its Secret's password: say so, or set it back to what the Secret has.",
      ),
    driftCheckInterval: duration('driftCheckInterval', { minimum: '1m' })
      .default('6h')
      .describe('How often each guest is asked whether its account still has the password.'),
    secretTemplate,
    deletionPolicy: z
      .enum(['Orphan', 'Delete'])
      .default('Orphan')
      .describe('What becomes of the Secrets when the PasswordRotation is deleted.'),
  })
  .meta(
    rules(
      {
        rule: '!(has(self.schedule) && has(self.interval))',
        message: 'give schedule or interval, not both',
        fieldPath: '.interval',
      },
      {
        rule: '!has(self.timeZone) || has(self.schedule)',
        message: 'timeZone is of use only with a schedule',
        fieldPath: '.timeZone',
      },
      {
        rule: '!has(self.jitter) || !has(self.interval) || duration(self.jitter) < duration(self.interval)',
        message: 'jitter must be shorter than interval',
        fieldPath: '.jitter',
      },
      {
        rule: 'self.username == oldSelf.username',
        message: "a rotation's username can't be changed: create another PasswordRotation",
      },
      {
        rule: 'self.secretTemplate.namePattern == oldSelf.secretTemplate.namePattern && self.secretTemplate.type == oldSelf.secretTemplate.type',
        message: "secretTemplate's namePattern and type can't be changed: its Secrets would be lost sight of",
      },
    ),
  );

/** How one guest stands. */
const guestRotation = z.object({
  ...guestResultFields,
  secretName: z.string().optional(),
  lastRotationTime: time.optional(),
  nextRotationTime: time.optional(),
  verified: z
    .enum(['True', 'False', 'Unknown'])
    .optional()
    .describe("Whether the account was last seen to have its Secret's password."),
  parked: z.boolean().optional().describe('Nothing further is tried before a person steps in: see message.'),
});

export const passwordRotationStatus = z.object({
  observedGeneration: z.int().optional(),
  observedRotateNow: z
    .string()
    .optional()
    .describe('The value of the annotation qga.dev/rotate-now that this was said of: until it is yours, wait.'),
  rotated: z.string().optional().describe('Guests with a password of the last turn, of all: 12/12.'),
  next: z.string().optional().describe('In how long the next turn comes, roughly, for people: 6d.'),
  nextRotationTime: time.optional().describe('When the first of the guests has its next turn.'),
  lastRotationTime: time.optional().describe('When a password was last rotated.'),
  targets: z.int().optional().describe('How many guests there are.'),
  succeeded: z.int().optional().describe('Guests that have a password and whose next turn has not come.'),
  waiting: z.int().optional().describe('Guests whose turn has come and that wait for something.'),
  active: z.int().optional().describe('Guests in which something is under way.'),
  parked: z.int().optional().describe('Guests in which nothing is tried before a person steps in.'),
  drifted: z.int().optional().describe("Guests whose account no longer has the Secret's password."),
  unverified: z.int().optional().describe('Guests that let nobody look whether they have the password.'),
  guests: z
    .array(guestRotation)
    .max(100)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The first 100, those that are parked or drifted first; every guest has a Secret.'),
  conditions: conditions.optional().meta(listMapBy('type')),
});

/** As a person writes it: the API server fills the defaults in. */
export type PasswordRotationSpec = z.infer<typeof passwordRotationSpec>;
export type PasswordRotationStatus = z.infer<typeof passwordRotationStatus>;
export type GuestRotation = z.infer<typeof guestRotation>;
