// Waiting, but not for long.

/** Waits until `promise` settles or `ms` are over; throws what the promise throws. */
export async function waitAtMost(promise: Promise<unknown>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
