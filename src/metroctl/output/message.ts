// What metroctl says to a person: on stderr, with the timestamp that the
// handbook prints (that of Go's log package). Answers go to stdout instead.
import { createConsola } from "consola/core";
import { writeOutput } from "./output-guard.ts";
import { printableLines } from "./printable.ts";

const messages = createConsola({
  reporters: [
    {
      log: ({ type, date, args }) => {
        const text = type === "warn" ? `Warning: ${args.join(" ")}` : args.join(" ");
        remark(`${timestamp(date)} ${text}`);
      },
    },
  ],
});

/** Says one line, such as `2022/07/07 10:42:07 Success! …`. */
export function say(text: string): void {
  messages.log(text);
}

/** Warns of something that does not stop the command. */
export function warn(text: string): void {
  messages.warn(text);
}

/** Adds one line for people to an answer: on stderr, so that programs read the answer alone. */
export function remark(text: string): void {
  process.stderr.write(`${printableLines(text)}\n`);
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
  answerStyled(printableLines(text));
}

/** The same with text of our own, which may have colours. */
export function answerStyled(text: string): void {
  writeOutput(text.endsWith("\n") ? text : `${text}\n`);
}
