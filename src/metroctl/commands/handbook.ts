// `metroctl handbook [chapter]`: the handbook, embedded in the executable.
import { defineCommand } from "citty";
import { type Chapter, chapters } from "../../handbook/handbook.ts";
import { answer } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";

export default defineCommand({
  meta: { name: "handbook", description: "Read the handbook" },
  args: {
    chapter: { type: "positional", required: false, description: "Number, or part of the title" },
  },
  run({ args }) {
    if (args.chapter === undefined) {
      for (const [at, { title }] of chapters.entries())
        answer(`${String(at + 1).padStart(2)}  ${title}`);
      answer("\nRead one with: metroctl handbook <number or title>");
      return;
    }
    const found = chapterOf(args.chapter.toLowerCase());
    if (found === undefined)
      throw new UserError(`no chapter ${args.chapter}: metroctl handbook lists them`);
    answer(found.text);
  },
});

/** The nearest match counts: `tro` is Troubleshooting, though Introduction has it too. */
function chapterOf(wanted: string): Chapter | undefined {
  const titles = chapters.map((chapter) => chapter.title.toLowerCase());
  const nearest = [
    (_: string, at: number) => String(at + 1) === wanted,
    (title: string) => title === wanted,
    (title: string) => title.startsWith(wanted),
    (title: string) => title.includes(` ${wanted}`),
    (title: string) => title.includes(wanted),
  ];
  const at = nearest.map((isMatch) => titles.findIndex(isMatch)).find((found) => found >= 0);
  return at === undefined ? undefined : chapters[at];
}
