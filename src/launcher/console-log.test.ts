// Reading a console that somebody else writes.
import { expect, test } from "bun:test";
import { appendFileSync, mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../base/event/test-until.ts";
import { attachTo, ConsoleLog, plainText } from "./console-log.ts";

function newFile(): string {
  return join(mkdtempSync(join(tmpdir(), "console-")), "console.log");
}

test("plainText keeps the text of a firmware that draws", () => {
  expect(plainText("\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: loading\r\n")).toBe("BdsDxe: loading\n");
});

test("ConsoleLog.text is empty before the machine's first word", () => {
  expect(new ConsoleLog(newFile()).text()).toBe("");
});

test("ConsoleLog.skip forgets earlier boots", () => {
  const file = newFile();
  const log = new ConsoleLog(file);
  appendFileSync(file, "first boot\n");
  log.skip();
  appendFileSync(file, "second boot\n");
  expect(log.text()).toBe("second boot\n");
});

test("ConsoleLog.waitFor finds what is there already", async () => {
  const file = newFile();
  appendFileSync(file, "Installing to /dev/vda...\n");
  const [line] = await new ConsoleLog(file).waitFor(/to (\S+)\.\.\./, { timeoutMs: 1000 });
  expect(line).toBe("to /dev/vda...");
});

test("ConsoleLog.waitFor finds what comes in pieces", async () => {
  const file = newFile();
  const found = new ConsoleLog(file).waitFor(/one two/, { timeoutMs: 5000 });
  for (const piece of ["on", "e t", "wo"]) {
    appendFileSync(file, piece);
    await Bun.sleep(60);
  }
  expect((await found)[0]).toBe("one two");
});

test("ConsoleLog.waitFor shows the last lines when it waited in vain", async () => {
  const file = newFile();
  appendFileSync(file, "Kernel panic\n");
  const waiting = new ConsoleLog(file).waitFor(/ready/, { timeoutMs: 100 });
  await expect(waiting).rejects.toThrow(/wait 0.1 s for \/ready\/.*\n {2}Kernel panic/s);
});

test("ConsoleLog.waitFor ends with its signal", async () => {
  const signal = AbortSignal.timeout(60);
  const waiting = new ConsoleLog(newFile()).waitFor(/x/, { timeoutMs: 60_000, signal });
  await expect(waiting).rejects.toThrow("timed out");
});

test("ConsoleLog.lines gives each line once, and ends with its signal", async () => {
  const file = newFile();
  const done = new AbortController();
  appendFileSync(file, "a\nb");
  const lines: string[] = [];
  for await (const line of new ConsoleLog(file).lines(done.signal)) {
    lines.push(line);
    if (line === "a") appendFileSync(file, "c\n");
    else done.abort();
  }
  expect(lines).toEqual(["a", "bc"]);
});

/** Waits for something to become true. */
test("attachTo shows every byte as it is, and types into the machine", async () => {
  const file = newFile();
  const socket = `${file}.sock`;
  let typed = "";
  const machine = createServer((peer) => {
    peer.on("data", (bytes) => {
      typed += String(bytes);
    });
  });
  await new Promise<void>((resolve) => machine.listen(socket, resolve));
  const shown: Uint8Array[] = [];
  const done = new AbortController();
  async function* keys() {
    yield new TextEncoder().encode("root\r");
    yield new TextEncoder().encode("\u0003");
  }
  const terminal = { input: keys(), write: (bytes: Uint8Array) => void shown.push(bytes) };
  const attached = attachTo(new ConsoleLog(file), socket, terminal, done.signal);
  appendFileSync(file, "\x1b[2Jlogin: ");
  await until(() => Buffer.concat(shown).toString() === "\x1b[2Jlogin: ");
  await until(() => typed === "root\r\u0003");
  done.abort();
  await attached;
  machine.close();
});

test("attachTo shows what a machine said that is off now, and takes no harm from typing", async () => {
  const file = newFile();
  appendFileSync(file, "Power down\n");
  const done = new AbortController();
  const shown: Uint8Array[] = [];
  async function* keys() {
    yield new TextEncoder().encode("anybody?\r");
  }
  const terminal = { input: keys(), write: (bytes: Uint8Array) => void shown.push(bytes) };
  const attached = attachTo(new ConsoleLog(file), `${file}.sock`, terminal, done.signal);
  await until(() => Buffer.concat(shown).toString() === "Power down\n");
  done.abort();
  await attached;
});

test("ConsoleLog.follow gives a large output whole and in order", async () => {
  const file = newFile();
  const text = Array.from({ length: 40_000 }, (_, at) => `line ${at}\n`).join("");
  appendFileSync(file, text);
  const done = new AbortController();
  let size = 0;
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of new ConsoleLog(file).follow(done.signal)) {
    size += chunk.length;
    hasher.update(chunk);
    if (size >= text.length) done.abort();
  }
  expect(hasher.digest("hex")).toBe(new Bun.CryptoHasher("sha256").update(text).digest("hex"));
});
