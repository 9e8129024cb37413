// What metroctl says to a person: on stderr, with the timestamp that the
// handbook prints (that of Go's log package). Answers go to stdout instead.

/** Says one line, such as `2022/07/07 10:42:07 Success! …`. */
export function say(text: string): void {
  process.stderr.write(`${timestamp(new Date())} ${text}\n`);
}

/** `YYYY/MM/DD hh:mm:ss` in local time. */
export function timestamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("/");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${day} ${clock}`;
}

/** Answers on stdout: one line, or several. */
export function answer(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
