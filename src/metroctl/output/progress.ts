// A progress line on stderr, for people only: nothing where it is no terminal.

/** One line that is rewritten in place. `using` ends it. */
export interface Progress extends Disposable {
  /** Shows how many of how many bytes, or other units, are done. */
  readonly update: (done: number, total: number) => void;
}

const REDRAW_MS = 100;

/** Shows progress under a title. */
export function progressBar(title: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = -Infinity;
  if (stream.isTTY !== true) return { update: () => {}, [Symbol.dispose]: () => {} };
  const update = (done: number, total: number) => {
    const now = performance.now();
    if (now - shown < REDRAW_MS && done < total) return;
    shown = now;
    stream.write(`\r\u001b[K${title} ${percent(done, total)}`);
  };
  return { update, [Symbol.dispose]: () => void stream.write("\r\u001b[K") };
}

/** `42 %`, never above 100. */
export function percent(done: number, total: number): string {
  return `${total <= 0 ? 100 : Math.min(100, Math.floor((done / total) * 100))} %`;
}
