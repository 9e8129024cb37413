// Time in which this process ran. On a machine that has no processor for it for seconds, a plain
// timer is over before the process has seen what arrived meanwhile.

/** With each of them, what has arrived is looked at once more. */
const SLICES = 4;

/** Calls `onEnd` after `ms` in which this process ran, more or less; gives what calls it off. */
export function afterRunning(ms: number, onEnd: () => void): () => void {
  let left = SLICES;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const next = () => {
    if (left === 0) return onEnd();
    left--;
    timer = setTimeout(next, ms / SLICES);
  };
  next();
  return () => clearTimeout(timer);
}
