// How long work tells how far it is.

/** What is being done, and how much of it in bytes; `done` reaches `total` at its end. */
export interface ProgressStep {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

/** Gets told about progress: seldom enough to print, at least at the end of each step. */
export type Progress = (step: ProgressStep) => void;

/** Turns lengths of pieces into progress of one step; reports at each full percent. */
export function reportSteps(
  progress: Progress,
  step: string,
  total: number,
): (bytes: number) => void {
  let done = 0;
  let reported = -1;
  return (bytes) => {
    done += bytes;
    const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
    if (percent === reported) return;
    reported = percent;
    progress({ step, done, total });
  };
}
