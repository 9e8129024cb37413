// `metroctl handbook [chapter]`: the handbook, embedded in the executable.
import { defineCommand } from "citty";
import { chapters } from "../../handbook/handbook.ts";
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
    const wanted = args.chapter.toLowerCase();
    const found = chapters.find(
      ({ title }, at) => String(at + 1) === wanted || title.toLowerCase().includes(wanted),
    );
    if (found === undefined)
      throw new UserError(`no chapter ${args.chapter}: metroctl handbook lists them`);
    answer(found.text);
  },
});
