/** Lets an error end the process as an uncaught one, where its thrower's caller couldn't do anything with it. */
export function throwLater(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
