// The handbook's chapters: all there, in order, embedded, and about what is.
import { expect, test } from "bun:test";
import { chapters } from "./handbook.ts";

test("chapters has every chapter, in reading order", () => {
  expect(chapters.map(({ title }) => title)).toEqual([
    "Introduction",
    "Demo Cluster",
    "Cluster Architecture",
    "Node",
    "Cluster",
    "Cold start and recovery",
    "Identity and Authentication",
    "Cluster Policy",
    "Security",
    "Cluster API",
    "The metroctl tool",
    "Troubleshooting",
    "Developing Metropolis",
  ]);
});

test.each(chapters.map((chapter) => [chapter.title, chapter] as const))(
  "chapters: %s opens with its title and holds what it promises",
  (title, { text }) => {
    expect(text).toStartWith(`# ${title}\n`);
    expect(text.length).toBeGreaterThan(2_000);
    expect(text).not.toMatch(/TODO|FIXME|to be written/i);
    // Rows of a table cannot be broken.
    const isRow = (line: string) => line.startsWith("|");
    const long = text.split("\n").filter((line) => line.length > 160 && !isRow(line));
    expect(long).toEqual([]);
  },
);

test("chapters: code blocks are closed", () => {
  for (const { text } of chapters) expect(text.match(/^```/gm)?.length ?? 0).toSatisfy(isEven);
});

function isEven(value: number): boolean {
  return value % 2 === 0;
}
