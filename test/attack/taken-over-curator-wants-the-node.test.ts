// Somebody has taken over the curator, the program that parses what the Internet sends, and wants
// the rest of the node. The attacker runs as a real process under exactly the confinement that the
// table of programs gives the curator; only its own paths lie in a folder of the test. What a
// workstation has no such thing of, TPM and ESP, test/vm/programs.ts shows on a machine.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { confinedCommand } from "../../src/base/confinement/confinement.ts";
import { ExitError, run } from "../../src/base/process/process.ts";
import { confinementOf, type ProgramRow, programs } from "../../src/image/image.ts";
import { outputs } from "../cluster/support.ts";

let folder = "";
let attacker = "";
const at = (name: string) => join(folder, name);

/** Files that are not the curator's, although their modes let everybody read and write them. */
const others = ["esp", "etcd", "clusternet.key"];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "taken-over-"));
  chmodSync(folder, 0o755);
  attacker = at("attacker");
  const source = join(import.meta.dir, "attacker.ts");
  await run([process.execPath, "build", "--compile", source, "--outfile", attacker]);
  for (const name of others) writeFileSync(at(name), "secret");
  for (const name of others) chmodSync(at(name), 0o666);
  for (const name of ["credentials", "own"]) mkdirSync(at(name));
  writeFileSync(at("credentials/key"), "its key");
  chmodSync(at("credentials/key"), 0o644);
  if (isRoot) chownSync(at("own"), 103, 103);
});
afterAll(() => rmSync(folder, { recursive: true }));

const isRoot = process.getuid?.() === 0;

/** What the kernel answered to a curator, wish by wish. */
const attack = (...args: readonly string[]) => attackAs("curator", args);

async function attackAs(
  name: string,
  args: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const row: ProgramRow = {
    ...(programs[name] as ProgramRow),
    path: attacker,
    view: {
      reads: ["/usr", "/etc", "/proc", "/sys", at("credentials")],
      writes: [at("own")],
    },
  };
  const { account, ...rest } = confinementOf(row);
  const confinement = { ...rest, ...(isRoot && account && { account }) };
  const confiner = { setpriv: outputs("setpriv"), filters: at("filters") };
  const { text } = await run(confinedCommand(confiner, confinement, [attacker, ...args]));
  return new Map(JSON.parse(text) as [string, string][]);
}

/** Refused by account, capabilities, view or filter: the attacker got no further than the door. */
const REFUSED = /^(EPERM|EACCES|ENOSYS)$/;

test("a taken-over curator gets nothing of the node that it wants", async () => {
  const answers = await attack(
    ...others.flatMap((name) => ["--read", at(name), "--write", at(name)]),
    ...["--write", at("credentials/key"), "--create", at("credentials/new")],
    ...["--create", at("new"), "--run", "/usr/bin/env", "--run", "/bin/sh"],
  );
  expect(answers.size).toBeGreaterThan(50);
  const granted = [...answers].filter(([, answer]) => !REFUSED.test(answer));
  expect(granted).toEqual([]);
});

test("a taken-over curator still has what is its own, so the refusals above mean something", async () => {
  const own = [
    "--read",
    at("credentials/key"),
    "--create",
    at("own/socket"),
    "--read",
    "/etc/hosts",
  ];
  const answers = await attack(...own);
  expect(answers.get(`to read ${at("credentials/key")}`)).toBe("ok");
  expect(answers.get(`to create ${at("own/socket")}`)).toBe("ok");
  expect(answers.get("to read /etc/hosts")).toBe("ok");
});

test("a taken-over curator that calls the kernel another way is ended", async () => {
  const ended = await attack("--x32").catch((error: unknown) => error);
  expect(ended).toBeInstanceOf(ExitError);
  expect(String(ended)).toContain("SIGSYS");
});

test("a taken-over program that is root, too, does not end the machine by a signal", async () => {
  const answers = await attackAs("fsck.fat");
  const signals = [...answers].filter(([wish]) => wish.startsWith("to signal "));
  expect(signals.length).toBe(4);
  expect(signals.filter(([, answer]) => !REFUSED.test(answer))).toEqual([]);
});
