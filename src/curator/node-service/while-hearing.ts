// A call in which both sides speak at once: what the caller says is heard while it is answered.

/**
 * Gives the answers that `tell` makes until `hearing` is over. A failure of either side ends
 * the call.
 */
export async function* whileHearing<A>(
  hearing: Promise<void>,
  callSignal: AbortSignal,
  tell: (signal: AbortSignal) => AsyncIterable<A>,
): AsyncGenerator<A> {
  const end = new AbortController();
  const signal = AbortSignal.any([callSignal, end.signal]);
  const heard = hearing.finally(() => end.abort());
  // It fails with the stream, whose reader is told by the other half.
  heard.catch(() => {});
  try {
    yield* tell(signal);
  } catch (error) {
    if (!end.signal.aborted) throw error;
    await heard;
  }
}
