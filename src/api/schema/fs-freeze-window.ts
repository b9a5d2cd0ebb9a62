import * as z from 'zod';
import { conditions, listMapBy, rules, time, type ValidationRule } from './common.ts';
import { freezeEnds, freezeFields, freezeVerdicts, microTime } from './freeze.ts';
import { guestResultFields } from './guest-result.ts';
import { schedule } from './schedule.ts';
import { target } from './target.ts';

const volumeSnapshot = z.object({
  persistentVolumeClaimName: z.string().min(1).max(253).describe('The volume with the disk of a guest: a claim here.'),
  volumeSnapshotClassName: z.string().max(253).optional().describe("Without it, the cluster's default class."),
  name: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe("The VolumeSnapshot's name; without it, the window's and the claim's."),
});

/** What only a scheduled window may have. */
const scheduling = {
  timeZone: z.string().min(1).max(64).optional().describe('The zone of the schedule: Europe/Berlin. Without it, UTC.'),
  concurrencyPolicy: z
    .enum(['Forbid', 'Allow'])
    .optional()
    .describe('Forbid, which is the default: no window begins while an earlier one goes on.'),
  suspend: z.boolean().optional().describe('Makes no further windows while true. What has begun goes on.'),
  successfulWindowsHistoryLimit: z.int().min(0).max(1000).optional().describe('How many completed ones stay: 3.'),
  failedWindowsHistoryLimit: z.int().min(0).max(1000).optional().describe('How many failed ones stay: 3.'),
};

/** What is frozen, and how: of a one-shot window it can't be changed. */
const frozenIn = [
  'target',
  'maxFrozenSeconds',
  'mountpoints',
  'consistency',
  'policy',
  'hooks',
  'startingDeadlineSeconds',
  'volumeSnapshots',
] as const;

const unchanged = frozenIn
  .map((name) => `has(self.${name}) == has(oldSelf.${name}) && (!has(self.${name}) || self.${name} == oldSelf.${name})`)
  .join(' && ');

export const fsFreezeWindowSpec = z
  .object({
    target,
    ...freezeFields,
    consistency: z
      .enum(['Group', 'PerGuest'])
      .default('Group')
      .describe('Group: all at one instant, and one that fails lets all go. PerGuest: each as soon as it is ready.'),
    policy: z
      .enum(['Required', 'BestEffort', 'Skip'])
      .default('Required')
      .describe(
        "For guests that can't be frozen. Required: the window fails. BestEffort: they count as CrashConsistent. Skip: they are left out.",
      ),
    release: z
      .boolean()
      .optional()
      .describe('true thaws now: say it when the backup is done. It is refused when the guests are thawed already.'),
    startingDeadlineSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(60)
      .describe(
        'How long guests are waited for until they are prepared. Of a schedule also how late a window may begin.',
      ),
    volumeSnapshots: z
      .array(volumeSnapshot)
      .min(1)
      .max(50)
      .optional()
      .meta(listMapBy('persistentVolumeClaimName'))
      .describe('Made here while the guests are frozen; they are thawed as soon as all are cut.'),
    ttlSecondsAfterFinished: z
      .int()
      .min(0)
      .max(2147483647)
      .optional()
      .describe('The window deletes itself this long after it finished; its VolumeSnapshots stay.'),
    schedule: schedule
      .optional()
      .describe('As of a CronJob. At each of its instants a window of its own is made: the receipt.'),
    ...scheduling,
  })
  .meta(
    rules(
      {
        rule: 'has(self.schedule) == has(oldSelf.schedule)',
        message: 'a window is scheduled or it is not: create another one',
      },
      {
        rule: `has(self.schedule) || (${unchanged})`,
        message: "what a window freezes, and how, can't be changed: create another window",
      },
      {
        rule: '!has(oldSelf.release) || !oldSelf.release || (has(self.release) && self.release)',
        message: "release can't be taken back: create another window",
      },
      {
        rule: '!(has(self.schedule) && has(self.release))',
        message: 'a scheduled window holds nothing itself: release the window that it made',
      },
      {
        rule: `has(self.schedule) || !(${Object.keys(scheduling)
          .map((name) => `has(self.${name})`)
          .join(' || ')})`,
        message: `${Object.keys(scheduling).join(', ')} need a schedule`,
      },
      {
        rule: '!has(self.hooks) || !has(self.hooks.before) || self.hooks.before.map(h, h.timeoutSeconds).sum() <= self.startingDeadlineSeconds',
        message:
          'the timeoutSeconds of hooks.before add up to more than startingDeadlineSeconds: the window would fail while they run',
      },
    ),
  );

/** Of the object as a whole: here, a spec's rule can't see the status. */
export const fsFreezeWindowRules: ValidationRule[] = [
  {
    rule: '!has(self.spec.release) || !self.spec.release || (has(oldSelf.spec.release) && oldSelf.spec.release) || !has(self.status) || !(has(self.status.endedBy) || has(self.status.completionTime))',
    message:
      'too late: this window is over, see its status.failureReason and status.thawedAt. What was not copied by then is not consistent',
  },
];

/** How one guest fared. */
const freezeGuestResult = z.object({
  ...guestResultFields,
  verdict: z.enum(freezeVerdicts).optional(),
  frozenAt: microTime.optional(),
  thawRequestedAt: microTime.optional().describe('The verdict is about what was copied from frozenAt until then.'),
  thawedAt: microTime.optional(),
  endedBy: z.enum(freezeEnds).optional(),
  filesystems: z
    .object({ expected: z.int().optional(), frozen: z.int().optional(), thawed: z.int().optional() })
    .optional(),
});

const windowPhases = [
  'Pending',
  'Preparing',
  'Frozen',
  'Thawing',
  'Completed',
  'Failed',
  'Scheduled',
  'Suspended',
] as const;

/** What ended a window's freeze; `Failure`: because a guest could not be, or did not stay, frozen. */
const windowEnds = ['Release', 'Deletion', 'Deadline', 'Snapshots', 'Failure'] as const;

const snapshotResult = z.object({
  name: z.string(),
  persistentVolumeClaimName: z.string(),
  creationTime: z.string().optional().describe('When it was cut, by the storage.'),
  message: z.string().optional().describe('What keeps it from being cut, as its controller said last: it tries again.'),
  error: z.string().optional().describe('Why it is worth nothing, for good.'),
});

export const fsFreezeWindowStatus = z.object({
  observedGeneration: z.int().optional(),
  phase: z.enum(windowPhases).optional(),
  startTime: time.optional(),
  frozenAt: microTime.optional().describe('From then on every guest was frozen.'),
  thawedAt: microTime.optional().describe('From then on none was.'),
  completionTime: time.optional(),
  endedBy: z
    .enum(windowEnds)
    .optional()
    .describe('Why the guests are let go, said as soon as it is known: from then on they may not be frozen.'),
  failureReason: z.string().optional().describe('Why the window fails, said as soon as it is known.'),
  verdict: z
    .enum(freezeVerdicts)
    .optional()
    .describe(
      'The worst of the guests that the window answers for; ConsistencyLost where a guest was thawed before the window was released.',
    ),
  skewMilliseconds: z.int().optional().describe('How long after the first guest the last one was frozen.'),
  frozenFor: z.string().optional().describe('How long all were frozen: 4.2s.'),
  guestsFrozen: z.string().optional().describe('Frozen of all, as `kubectl get` shows it: 3/3.'),
  targets: z.int().optional().describe('How many guests the window is for.'),
  prepared: z.int().optional().describe('Guests that wait for their common instant.'),
  frozen: z.int().optional().describe('Guests that are frozen, or have been.'),
  failed: z
    .int()
    .optional()
    .describe("Guests that could not be, or did not stay, frozen, and that policy doesn't excuse."),
  skipped: z.int().optional().describe('Guests that could not be frozen, and that policy excuses.'),
  guests: z
    .array(freezeGuestResult)
    .max(100)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The first 100, those that failed first; every guest has a GuestTask.'),
  volumeSnapshots: z.array(snapshotResult).max(50).optional().meta({ 'x-kubernetes-list-type': 'atomic' }),
  active: z
    .array(z.string())
    .max(100)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The windows a schedule made that are not over.'),
  observedSchedule: z
    .object({ schedule: z.string(), timeZone: z.string(), since: time })
    .optional()
    .describe(
      'The schedule that windows are made by, and since when: no instant before that is made up for, or missed.',
    ),
  lastScheduleTime: time.optional().describe('The instant for which a window was last made.'),
  lastMissedTime: time.optional().describe('The last instant for which none was made.'),
  lastSuccessfulTime: time.optional().describe('When a window that the schedule made last completed.'),
  nextScheduleTime: time.optional(),
  conditions: conditions.optional().meta(listMapBy('type')),
});

export type FsFreezeWindowSpec = z.infer<typeof fsFreezeWindowSpec>;
export type FsFreezeWindowStatus = z.infer<typeof fsFreezeWindowStatus>;
export type FreezeGuestResult = z.infer<typeof freezeGuestResult>;
export type SnapshotResult = z.infer<typeof snapshotResult>;
export type WindowEnd = (typeof windowEnds)[number];
