import { describe, expect, it } from 'vitest';
import { InvalidSchedule, parseCron } from '../../../src/manager/cron-schedule.ts';

const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

describe('a schedule', () => {
  it('has a next instant, and a latest one that may be now', () => {
    const schedule = parseCron('0 3 * * *');

    expect(iso(schedule.next(at('2026-01-01T03:00:00Z')))).toBe('2026-01-02T03:00:00.000Z');
    expect(iso(schedule.latest(at('2026-01-01T03:00:00Z')))).toBe('2026-01-01T03:00:00.000Z');
    expect(iso(schedule.latest(at('2026-01-01T02:59:59.999Z')))).toBe('2025-12-31T03:00:00.000Z');
  });

  it('is read in its time zone, summer and winter', () => {
    const schedule = parseCron('0 3 * * *', 'Europe/Berlin');

    expect(iso(schedule.next(at('2026-01-10T12:00:00Z')))).toBe('2026-01-11T02:00:00.000Z');
    expect(iso(schedule.next(at('2026-07-10T12:00:00Z')))).toBe('2026-07-11T01:00:00.000Z');
  });

  it('comes right after the leap where the clock is put forward over it', () => {
    const schedule = parseCron('30 2 * * *', 'Europe/Berlin');

    expect(iso(schedule.next(at('2026-03-28T12:00:00Z')))).toBe('2026-03-29T01:00:00.000Z');
  });

  it('comes once where the clock is put back', () => {
    const schedule = parseCron('30 2 * * *', 'Europe/Berlin');

    const first = schedule.next(at('2026-10-24T12:00:00Z'));

    expect([iso(first), iso(schedule.next(first))]).toEqual(['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']);
  });

  it('knows leap days and nicknames', () => {
    expect(iso(parseCron('0 0 29 2 *').next(at('2026-01-01T00:00:00Z')))).toBe('2028-02-29T00:00:00.000Z');
    expect(iso(parseCron('@daily').next(at('2026-01-01T12:00:00Z')))).toBe('2026-01-02T00:00:00.000Z');
  });

  it.each([
    ['a minute that no clock shows', '61 * * * *', undefined, /"61 \* \* \* \*" can't be understood.*minute: 61/],
    ['a day that no calendar has', '0 0 30 2 *', undefined, /never comes/],
    ['seconds', '*/5 * * * * *', undefined, /can't be understood/],
    ['a date', '2199-01-01T00:00:00', undefined, /can't be understood: give five fields/],
    ['a zone that is nowhere', '0 3 * * *', 'Nowhere/Land', /no time zone "Nowhere\/Land"/],
  ])('is refused with %s', (_, schedule, timeZone, sentence) => {
    expect(() => parseCron(schedule, timeZone)).toThrow(sentence);
    expect(() => parseCron(schedule, timeZone)).toThrow(InvalidSchedule);
  });
});
