// Tests of the table of programs: against the accounts and files of the system image, against the
// handbook, and against itself.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { skeleton } from "./build/skeleton.ts";
import { accounts, confinementOf, ITS_DEVICE, type ProgramRow, programs } from "./programs.ts";

const top = join(import.meta.dir, "../..");
const read = (path: string) => readFileSync(join(top, path), "utf8");
const rows = Object.entries(programs);
const children = rows.filter(([name]) => name !== "node");
const agent = programs.node as ProgramRow;

test("accounts are those of etc/passwd, each with its own group", () => {
  const users = read("initramfs/root/etc/passwd").split("\n").filter(Boolean);
  const given = users.map((line) => line.split(":")).filter(([name]) => name !== "nobody");
  expect(given.map(([name, , uid, gid]) => [name, Number(uid), Number(gid)])).toEqual(
    Object.entries(accounts).map(([name, id]) => [name, id, id]),
  );
  const groups = read("initramfs/root/etc/group").split("\n");
  for (const [name, id] of Object.entries(accounts)) expect(groups).toContain(`${name}:x:${id}:`);
});

test("every program is in the system image", () => {
  const files = new Set([
    ...read("initramfs/files.txt").split("\n"),
    ...["usr/bin/etcd", "usr/bin/etcdutl", "init"],
    ...skeleton.map(({ path }) => path),
  ]);
  const all = rows.flatMap(([, { path, starts = [] }]) => [path, ...starts]);
  expect(all.filter((path) => !files.has(path.slice(1)))).toEqual([]);
});

/** In the image without a row: what starts the programs that have one. */
const STARTS_OTHERS = ["/usr/bin/unshare", "/usr/bin/setpriv"];

test("no program is in the system image that nothing starts", () => {
  const files = read("initramfs/files.txt").split("\n");
  const there = files.filter((path) => /^usr\/s?bin\//.test(path)).map((path) => `/${path}`);
  const started = [...rows.map(([, { path }]) => path), ...STARTS_OTHERS];
  expect(there.length).toBeGreaterThan(10);
  expect(there.filter((path) => !started.includes(path))).toEqual([]);
});

test.each(children)("%s gets nothing that the agent has not", (_, row) => {
  expect(row.capabilities.filter((name) => !agent.capabilities.includes(name))).toEqual([]);
  expect(row.systemCalls.filter((name) => !agent.systemCalls.includes(name))).toEqual([]);
});

test("every program that the code of a node starts by its name has a row", () => {
  const folder = join(top, "src/node");
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !/\.test\.ts$|\/test-/.test(path))
    .map((path) => readFileSync(join(folder, path), "utf8"));
  const started = sources
    .flatMap((text) => [...text.matchAll(/\brun\(\s*\[\s*"([^"]+)"/g)])
    .map(([, name = ""]) => name);
  expect(started.length).toBeGreaterThan(5);
  expect(started.filter((name) => !(name in programs))).toEqual([]);
});

/** What nobody on a node has, init apart. */
const NOBODYS = ["sys_module", "sys_rawio", "sys_ptrace", "sys_boot", "bpf", "mac_admin"] as const;

test.each(rows)("%s has no capability that makes the kernel its own", (_, { capabilities }) => {
  expect(capabilities.filter((name) => NOBODYS.some((each) => each === name))).toEqual([]);
});

test.each(children)("%s sees no more of the file system than it is given", (_, { view }) => {
  const all = [...(view?.reads ?? []), ...(view?.writes ?? []), ...(view?.lists ?? [])];
  expect(all).not.toEqual([]);
  // In the last one lie keys and settings for others, each for a moment.
  const whole = [
    ...["/", "/data", "/dev", "/esp", "/data/node", "/data/etcd/peer_pki/"],
    "/run/metropolis",
  ];
  expect(all.filter((path) => whole.includes(path))).toEqual([]);
});

test.each(children)("%s sees the TPM only if it is tpm2", (name, { view }) => {
  const seen = (view?.writes ?? []).some((path) => path.startsWith("/dev/tpm"));
  expect(seen).toBe(name === "tpm2");
});

test("two that are not root share an account only if they are of one kind", () => {
  const shared = Map.groupBy(children, ([, { account }]) => account);
  const of = (name: keyof typeof accounts) => shared.get(name)?.map(([program]) => program);
  expect(of("curator")).toEqual(["curator"]);
  expect(of("etcd")).toEqual(["etcd", "etcdutl"]);
  expect(of("_chrony")).toEqual(["chronyd", "chronyc"]);
  expect(of("network")).toEqual(["ip", "wg", "ss"]);
});

test("confinementOf gives a program the devices among its arguments, and no others", () => {
  const row = programs["mkfs.xfs"] as ProgramRow;
  expect(row.view?.writes).toEqual([ITS_DEVICE]);
  const { view } = confinementOf(row, ["-q", "/dev/mapper/data", "-d", "size=4096"]);
  expect(view?.writes).toEqual(["/dev/null", "/dev/mapper/data"]);
});

test("confinementOf lets a program execute itself, its loader and what it starts", () => {
  const { view, account } = confinementOf(programs.curator as ProgramRow);
  expect(view?.starts).toEqual([
    "/usr/lib64/ld-linux-x86-64.so.2",
    "/usr/lib/metropolis/curator",
    "/init",
  ]);
  expect(account).toEqual({ uid: 103, gid: 103 });
});

const or = (words: readonly string[], otherwise: string) =>
  words.length === 0 ? otherwise : words.join(", ");

/** A row as the handbook has it. */
function line(name: string, row: ProgramRow): string {
  const { account, becomes, capabilities, ports, view } = row;
  const who = becomes === undefined ? account : `${account}, then ${becomes}`;
  const cells = [
    ...[name, who, or(capabilities, "none"), or(ports, "–")],
    view === undefined ? "all" : or(view.writes, "–"),
  ];
  return `| ${cells.join(" | ")} |`;
}

test("the handbook's table of programs is this one", () => {
  const chapter = read("src/handbook/node.md").split("## Programs")[1]?.split("\n## ")[0] ?? "";
  const table = chapter.split("\n").filter((text) => /^\| \w/.test(text));
  expect(table.slice(1)).toEqual(rows.map(([name, row]) => line(name, row)));
});
