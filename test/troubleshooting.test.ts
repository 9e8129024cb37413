// The chapter Troubleshooting and the tests belong together: each row of it names the test that
// produces its symptom, which has the symptom's words; and each command that helps is one.
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chapters } from "../src/handbook/handbook.ts";
import { find } from "../src/metroctl/arguments.ts";
import { outputArgs } from "../src/metroctl/output/print.ts";
import { root } from "../src/metroctl/root.ts";
import { clusterArgs } from "../src/metroctl/session/cluster-args.ts";

const top = join(import.meta.dir, "..");
const chapter = chapters.find(({ title }) => title === "Troubleshooting")?.text ?? "";

interface Row {
  readonly symptom: string;
  readonly cause: string;
  readonly help: string;
  readonly shownBy: string;
}

const rows = chapter
  .split(/^## /m)
  .filter((section) => section.includes("| shown by |"))
  .flatMap((section) => section.split("\n"))
  .filter((line) => line.startsWith("| ") && !/^\| (symptom|-)/.test(line))
  .map((line): Row => {
    const [, symptom = "", cause = "", help = "", shownBy = ""] = line
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    return { symptom, cause, help, shownBy };
  });

/** What stands in a cell as code. */
function quoted(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
}

/** The words of a symptom that are the same whatever it is about. */
function pieces(symptom: string): readonly string[] {
  return quoted(symptom)
    .flatMap((text) => text.split(/<[^>]*>/))
    .map((text) => text.replace(/^[\s:]+/, "").trim())
    .filter((text) => text !== "");
}

/** What a test says; a text over several lines is one. */
function wordsOf(path: string): string {
  return readFileSync(join(top, path), "utf8").replace(/["'`] \+\s+["'`]/g, "");
}

test("the chapter Troubleshooting has rows, each with its cause and what helps", () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) expect(Object.values(row)).not.toContain("");
});

test.each(rows.map((row) => [row.symptom, row.shownBy]))(
  "the symptom %s is produced by %s",
  (symptom, shownBy) => {
    const paths = quoted(shownBy);
    expect(paths.length).toBeGreaterThan(0);
    expect(paths.filter((path) => !existsSync(join(top, path)))).toEqual([]);
    const text = paths.map(wordsOf).join("\n");
    expect(pieces(symptom).length).toBeGreaterThan(0);
    for (const piece of pieces(symptom)) expect(text).toContain(piece);
  },
);

const commands = rows
  .flatMap(({ help }) => quoted(help))
  .filter((text) => text.startsWith("metroctl "));

test.each([...new Set(commands)])("%s, which helps, is a command", async (line) => {
  const words = line.match(/(?:<[^>]*>|[^\s<])+/g) ?? [];
  const found = await find(words.slice(1), root, { ...clusterArgs, ...outputArgs });
  expect(found.command.run).toBeFunction();
});
