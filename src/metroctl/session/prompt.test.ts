// A question to a person at a terminal, a real one, and what keys answer.
import { expect, test } from "bun:test";
import { join } from "node:path";

const script = `
  const { confirm } = await import("${join(import.meta.dir, "prompt.ts")}");
  const said = await confirm("Go on (yes/no)? ").catch((error) => error.name);
  console.log("<" + said + ">");
`;

/** What the terminal shows after the question was answered with these keys. */
async function answered(keys: string): Promise<string> {
  let text = "";
  let isAsked = false;
  const child = Bun.spawn([process.execPath, "-e", script], {
    terminal: {
      cols: 80,
      rows: 24,
      data(terminal, bytes) {
        text += new TextDecoder().decode(bytes);
        if (isAsked || !text.includes("(yes/no)? ")) return;
        isAsked = true;
        terminal.write(keys);
      },
    },
  });
  await child.exited;
  return Bun.stripANSI(text).replaceAll("\r", "");
}

test.each([
  ["yes\r", "yes\n<true>"],
  ["y\r", "y\n<false>"],
  ["\r", "\n<false>"],
  ["\u0004", "\n<false>"],
  ["\u0003", "\n<InterruptedError>"],
])("confirm answered with %j", async (keys, shown) => {
  expect(await answered(keys)).toContain(`Go on (yes/no)? ${shown}\n`);
});
