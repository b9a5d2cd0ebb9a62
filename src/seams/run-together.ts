/**
 * Runs loops that belong together under one signal. The first that fails stops the others; when all have ended, that
 * failure is thrown. A loop that ends because the signal aborted did not fail.
 */
export async function runTogether(
  signal: AbortSignal,
  ...loops: ((signal: AbortSignal) => Promise<void>)[]
): Promise<void> {
  const stop = new AbortController();
  const together = AbortSignal.any([signal, stop.signal]);
  let failure: { error: unknown } | undefined;
  await Promise.all(
    loops.map(async (loop) => {
      try {
        await loop(together);
      } catch (error) {
        if (together.aborted) return;
        failure = { error };
        stop.abort(error);
      }
    }),
  );
  if (failure) throw failure.error;
}
