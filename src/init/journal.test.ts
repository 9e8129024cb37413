// Tests of where init's words go.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Consoles } from "../base/linux/console.ts";
import { decodeEntry } from "../base/logtree/logtree.ts";
import { Journal } from "./journal.ts";

function journalOnFile() {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-journal-")), "console");
  writeFileSync(path, "");
  const journal = new Journal(new Consoles([path]));
  return { journal, shown: () => readFileSync(path, "utf8") };
}

/** The texts in lines that an agent got. */
function texts(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const entry = decodeEntry(line);
    if (entry === undefined) return ["not an entry"];
    return entry.kind === "raw" ? [entry.text] : entry.messages;
  });
}

test("Journal shows words on the console while no agent lives", async () => {
  const { journal, shown } = journalOnFile();
  journal.log.warning("No agent yet");
  await Bun.sleep(5);
  expect(shown()).toBe("                init W No agent yet\n");
});

test("Journal.attach gives the agent all words, and the console", async () => {
  const { journal, shown } = journalOnFile();
  journal.log.info("Before");
  const heard: string[] = [];
  const detach = await journal.attach((line) => heard.push(line));
  journal.log.info("While");
  await Bun.sleep(5);
  detach();
  journal.log.info("After");
  await Bun.sleep(5);
  expect(texts(heard)).toEqual(["Before", "While"]);
  expect(shown()).toContain("Before");
  expect(shown()).not.toContain("While");
  expect(shown()).toContain("After");
});

test("Journal.keep hands a dead agent's words to the next", async () => {
  const { journal, shown } = journalOnFile();
  journal.keep("node", "my last words");
  await Bun.sleep(5);
  expect(shown()).toContain("init node R my last words");
  const heard: string[] = [];
  (await journal.attach((line) => heard.push(line)))();
  expect(texts(heard)).toEqual(["my last words"]);
});

test("Journal.print shows a line as it is, even past an agent", async () => {
  const { journal, shown } = journalOnFile();
  const detach = await journal.attach(() => {});
  journal.print("Installing to /dev/vda...");
  detach();
  expect(shown()).toBe("Installing to /dev/vda...\n");
});
