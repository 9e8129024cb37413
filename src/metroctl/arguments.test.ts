// Command lines, as people and scripts write them.
import { expect, test } from "bun:test";
import { find } from "./arguments.ts";
import { subCommands } from "./commands/tree.ts";
import { outputArgs } from "./output/print.ts";
import { UsageError } from "./output/user-error.ts";
import { root } from "./root.ts";
import { clusterArgs } from "./session/cluster-args.ts";

const shared = { ...clusterArgs, ...outputArgs };

function read(line: string) {
  return find(
    line.split(" ").filter((word) => word !== ""),
    root,
    shared,
  );
}

test.each([
  ["node list", ["node", "list"], ["--"]],
  ["--endpoints 10.1.0.2 approve", ["approve"], ["--endpoints=10.1.0.2", "--"]],
  ["approve --endpoints=10.1.0.2 x", ["approve"], ["--endpoints=10.1.0.2", "--", "x"]],
  ["node list --endpoints a --endpoints b,c", ["node", "list"], ["--endpoints=a,b,c", "--"]],
  ["node describe -o json a b", ["node", "describe"], ["--output=json", "--", "a", "b"]],
  ["node logs -f x", ["node", "logs"], ["--follow", "--", "x"]],
  ["node logs x --backlog -1", ["node", "logs"], ["--backlog=-1", "--", "x"]],
  ["node label x -- key-", ["node", "label"], ["--", "x", "key-"]],
  ["--context t install genusb a.img --bootstrap -b b.zip", ["install", "genusb"], null],
])("find reads %s", async (line, path, rawArgs) => {
  const found = await read(line);
  expect(found.path).toEqual(path);
  if (rawArgs !== null) expect(found.rawArgs).toEqual(rawArgs);
});

test.each([
  ["nod", "no command nod"],
  ["node", null],
  ["node lst", "metroctl node has no command lst"],
  ["node list --bogus", "no flag --bogus"],
  ["node list --endpoints", "--endpoints needs a value"],
  ["version 1", "unexpected 1"],
  ["takeownership a b", "unexpected b"],
  ["--filter x version", "no flag --filter"],
  ["--output json version", "no flag --output"],
])("find refuses %s", async (line, message) => {
  if (message === null) return expect((await read(line)).rawArgs).toEqual([]);
  const failure = await read(line).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(UsageError);
  expect(String(failure)).toContain(message);
});

test("find notices a cry for help anywhere", async () => {
  expect((await read("node logs --help")).wantsHelp).toBe(true);
  expect((await read("-h")).wantsHelp).toBe(true);
});

test("every command loads and describes itself", async () => {
  async function walk(command: typeof root, path: string): Promise<number> {
    const below = await subCommands(command);
    const counts = await Promise.all(
      Object.keys(below).map(async (name) => {
        const { command: next } = await find(`${path} ${name}`.trim().split(" "), root, shared);
        expect(next.meta).toHaveProperty("description");
        return walk(next, `${path} ${name}`);
      }),
    );
    return 1 + counts.reduce((sum, count) => sum + count, 0);
  }
  expect(await walk(root, "")).toBeGreaterThan(20);
});
