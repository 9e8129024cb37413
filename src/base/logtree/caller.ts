// Which line of source wrote a log entry.

/** A place in the source. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** A stack frame's end: file name without its folders, line, column. */
const frame = /([^\s/\\()]+):(\d+):\d+\)?$/;

/**
 * The place that called the function `above`.
 *
 * Costs one or two microseconds, because only two frames are captured. A call
 * in tail position (`return log.info("x")`) leaves no frame; then the place is
 * that of the next function up. Compiled binaries know their places from the
 * embedded source map.
 */
export function callerOf(above: (text: string) => void): Place {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 2;
  const holder: { stack?: string } = {};
  Error.captureStackTrace(holder, above);
  const stack = holder.stack ?? "";
  Error.stackTraceLimit = limit;
  for (const text of stack.split("\n").slice(1)) {
    const [, file, line] = frame.exec(text) ?? [];
    // A built-in such as forEach may stand between; it is called `native`.
    if (file !== undefined && file !== "native") return { file, line: Number(line) };
  }
  return { file: "unknown", line: 0 };
}
