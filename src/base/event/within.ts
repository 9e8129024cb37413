// The one place where a promise and an AbortSignal race each other.

/**
 * Waits for `promise`, but no longer than until `signal` aborts; then throws
 * the signal's reason.
 *
 * What stands behind the promise goes on: only the waiting ends. A rejection
 * that comes after the abort is swallowed, because nobody is left to hear it.
 */
export async function within<T>(promise: PromiseLike<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    // The abort comes first, so that an aborted signal wins over a settled promise.
    return await Promise.race([aborted.promise, promise]);
  } finally {
    // A signal may outlive many waits; leaving listeners behind would leak.
    signal.removeEventListener("abort", onAbort);
  }
}
