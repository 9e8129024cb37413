// Talking to a child that may end at any moment.

/** Writes to a child's stdin. What it does not read any more is lost, and does not matter. */
export function writeText(stdin: Bun.FileSink, text: string): void {
  const lost = () => {};
  try {
    stdin.write(text);
    Promise.resolve(stdin.flush()).catch(lost);
  } catch {
    lost();
  }
}
