import { expect, it } from 'vitest';
import { PollPace } from '../../../src/guest/poll-pace.ts';

/** Asks about runs of these lengths, one after the other; returns how often each was asked about and how late it was seen. */
function follow(pace: PollPace, lengths: readonly number[], from = 0) {
  let now = from;
  return lengths.map((length) => {
    const run = pace.begin(now);
    let after = 0;
    let questions = 0;
    do {
      after += run.nextWaitMs();
      questions += 1;
    } while (after < length);
    run.ended(after);
    now += after;
    return { questions, lateMs: after - length };
  });
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

it('asks about one run after the other little more than once, and soon after its end', () => {
  const steady = follow(new PollPace(), Array<number>(200).fill(80)).slice(20);

  expect(average(steady.map(({ questions }) => questions))).toBeLessThan(1.4);
  expect(average(steady.map(({ lateMs }) => lateMs))).toBeLessThan(25);
});

it('follows a guest that becomes busy, and one that becomes idle again', () => {
  const pace = new PollPace();
  const lengths = [...Array<number>(30).fill(30), ...Array<number>(30).fill(300), ...Array<number>(60).fill(30)];

  const seen = follow(pace, lengths);

  expect(average(seen.slice(40, 60).map(({ questions }) => questions))).toBeLessThan(1.6);
  expect(average(seen.slice(110).map(({ lateMs }) => lateMs))).toBeLessThan(20);
});

it('learns nothing of long runs, and asks about them ever more rarely, at least once a second', () => {
  const pace = new PollPace();

  const [long, short] = follow(pace, [60_000, 20]);

  expect(long?.questions).toBeLessThan(75);
  expect(short).toEqual({ questions: 1, lateMs: 0 });
});

it('asks about slow runs of a busy guest a few times each', () => {
  const slow = follow(new PollPace(), Array<number>(20).fill(2000)).slice(5);

  expect(average(slow.map(({ questions }) => questions))).toBeLessThan(6);
});

it('asks soon in a guest of which it knows nothing, or nothing lately', () => {
  const pace = new PollPace();
  follow(pace, Array<number>(20).fill(400));

  const [later] = follow(pace, [5], 60_000);

  expect(later?.lateMs).toBeLessThan(20);
});
