// Progress as lines of text, few enough for a serial console and a log file.
import type { Progress } from "../image/image.ts";

/** A line at every tenth of a step. */
const LINES_PER_STEP = 10;

/** Prints progress as lines such as `Writing system: 40%`. */
export function stepPrinter(print: (line: string) => void): Progress {
  let printed = "";
  return ({ step, done, total }) => {
    const tenth = total === 0 ? LINES_PER_STEP : Math.floor((done / total) * LINES_PER_STEP);
    const line = `${step}: ${(tenth * 100) / LINES_PER_STEP}%`;
    if (line === printed) return;
    printed = line;
    print(line);
  };
}
