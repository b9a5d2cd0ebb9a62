import * as z from 'zod';

const int64Range = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const uint64Range = [0n, 2n ** 64n - 1n] as const;

/** A signed 64-bit integer of a reply, exact, as bigint. */
export const int64 = ofReply(int64Range);

/** An unsigned 64-bit integer of a reply, exact, as bigint. */
export const uint64 = ofReply(uint64Range);

/**
 * A signed 64-bit integer as an argument: a bigint, a number that is exact, or its decimal digits in a string, which is
 * how a Kubernetes object carries what a JavaScript number can't.
 */
export const int64Argument = ofArgument(int64Range);

/** As {@link int64Argument}, unsigned. */
export const uint64Argument = ofArgument(uint64Range);

function ofReply([smallest, greatest]: readonly [bigint, bigint]): z.ZodType<bigint, number | bigint> {
  return z.union([z.int(), z.bigint()]).transform(BigInt).pipe(z.bigint().min(smallest).max(greatest));
}

function ofArgument([smallest, greatest]: readonly [bigint, bigint]): z.ZodType<bigint, number | bigint | string> {
  const error = 'expected integer of 64 bits, from 2^53 on written as a string';
  const exactNumber = z.number().refine(Number.isSafeInteger, { error });
  const digits = z.string().regex(/^-?\d{1,20}$/, { error });
  return z
    .union([z.bigint(), exactNumber, digits], { error })
    .transform(BigInt)
    .pipe(z.bigint().min(smallest).max(greatest));
}
