// A progress line on stderr, for people only: nothing where it is no terminal.

/** A step of some work. */
export interface Step {
  readonly step: string;
  readonly done: number;
  readonly total: number;
}

/** One line that is rewritten in place. `using` ends it. */
export interface Progress extends Disposable {
  /** Shows what is being done, and how much of how much of it is. */
  readonly update: (at: Step) => void;
}

const REDRAW_MS = 100;

/** Shows progress step by step. */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = -Infinity;
  if (stream.isTTY !== true) return { update: () => {}, [Symbol.dispose]: () => {} };
  const update = ({ step, done, total }: Step) => {
    const now = performance.now();
    if (now - shown < REDRAW_MS && done < total) return;
    shown = now;
    stream.write(`\r\u001b[K${step} ${percent(done, total)}`);
  };
  return { update, [Symbol.dispose]: () => void stream.write("\r\u001b[K") };
}

/** `42 %`, never above 100. */
export function percent(done: number, total: number): string {
  return `${total <= 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))} %`;
}
