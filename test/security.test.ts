// The Security chapter and the attacks belong together: each row of it says who shows it, and no
// attack is left out of it.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chapters } from "../src/handbook/handbook.ts";

const top = join(import.meta.dir, "..");
const security = chapters.find(({ title }) => title === "Security")?.text ?? "";

/** What stands in a row's last cell where nothing holds the attacker off. */
const CONCEDED = "conceded";

/** The rows of the tables whose last column says who shows it. */
const rows = security
  .split(/^## /m)
  .filter((section) => section.includes("| shown by |"))
  .flatMap((section) => section.split("\n"))
  .filter((line) => line.startsWith("| ") && !line.includes("| shown by |") && !/^\| -/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));

/** The paths of tests in a row's last cell: whole, or without what all attacks have in common. */
function paths(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => {
    if (name.endsWith(".ts")) return name;
    return `test/attack/${name}${name.startsWith("boot/") ? ".ts" : ".test.ts"}`;
  });
}

test("the Security chapter says of every attacker what he wants", () => {
  expect(rows.length).toBeGreaterThan(30);
});

test.each(rows.map((cells) => [cells[1] ?? "", cells.at(-2) ?? ""]))(
  "the Security chapter says who shows it: %s",
  (_, shownBy) => {
    const named = paths(shownBy);
    const missing = named.filter((path) => !existsSync(join(top, path)));
    expect(missing).toEqual([]);
    expect(named.length > 0 || shownBy === CONCEDED).toBe(true);
  },
);

test("the Security chapter leaves out no attack", () => {
  const folder = join(top, "test", "attack");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    // Beside the attacks lies what several of them use.
    .filter((name) => name.endsWith(".ts") && /^ *test(\.each)?\(/m.test(text(folder, name)))
    .map((name) => `test/attack/${name}`);
  const named = rows.flatMap((cells) => paths(cells.at(-2) ?? ""));
  expect(files.filter((file) => !named.includes(file))).toEqual([]);
});

function text(folder: string, name: string): string {
  return readFileSync(join(folder, name), "utf8");
}
