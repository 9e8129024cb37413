// Stages in order, cached by their inputs, with nothing left of those that failed.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GraphOptions, inOrder, runGraph, stageKeys } from "./graph.ts";
import { BuildError, type Stage, type StageRun } from "./stage.ts";

let cache = "";
let events: string[] = [];
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "graph-"));
  events = [];
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const options = (): GraphOptions => ({
  cache,
  jobs: 2,
  report: (event, { name }) => events.push(`${event} ${name}`),
});

/** Code of stages; any file of ours. */
const code = join(import.meta.dir, "stage.ts");
const otherCode = join(import.meta.dir, "version.ts");

/** A stage whose result is its name and the results it needs, in a file. */
function stage(name: string, needs: readonly string[] = [], more: Partial<Stage> = {}): Stage {
  const make = async ({ folder, result }: StageRun) => {
    const texts = needs.map((need) => readFile(join(result(need), "text"), "utf8"));
    await writeFile(join(folder, "text"), [name, ...(await Promise.all(texts))].join(" "));
  };
  const inputs = async () => [];
  return { name, summary: "", needs, code, inputs, make, output: "text", ...more };
}

async function textOf(folder: string | undefined): Promise<string> {
  return readFile(join(folder ?? "", "text"), "utf8");
}

const diamond = [
  stage("top", ["left", "right"]),
  stage("left", ["base"]),
  stage("right", ["base"]),
];
const stages = [...diamond, stage("base")];

test("inOrder puts needed stages first, each once", () => {
  expect(inOrder(stages, ["top"]).map(({ name }) => name)).toEqual([
    "base",
    "left",
    "right",
    "top",
  ]);
  expect(inOrder(stages, ["left"]).map(({ name }) => name)).toEqual(["base", "left"]);
});

test("inOrder refuses unknown stages and circles", () => {
  expect(() => inOrder(stages, ["roof"])).toThrow('no stage is called "roof"');
  const circle = [stage("a", ["b"]), stage("b", ["a"])];
  expect(() => inOrder(circle, ["a"])).toThrow("stages need each other: a, b");
});

test("stageKeys change with inputs, code and whatever is needed", async () => {
  const keysWith = (more: Partial<Stage>) =>
    stageKeys(inOrder([...diamond, stage("base", [], more)], ["top"]));
  const before = await keysWith({});
  expect(await keysWith({})).toEqual(before);
  for (const more of [{ code: otherCode }, { inputs: async () => ["new"] }]) {
    const after = await keysWith(more);
    expect([...after.keys()].filter((name) => after.get(name) === before.get(name))).toEqual([]);
  }
});

test("runGraph makes what is needed, then finds it in the cache", async () => {
  const first = await runGraph(stages, ["top"], options());
  expect(await textOf(first.get("top")?.folder)).toBe("top left base right base");
  expect(events.filter((event) => event.startsWith("start"))).toHaveLength(4);
  events = [];
  await runGraph(stages, ["top"], options());
  expect(events.toSorted()).toEqual(["cached base", "cached left", "cached right", "cached top"]);
});

test("runGraph needs nothing below a result that is there", async () => {
  const first = await runGraph(stages, ["top"], options());
  await rm(first.get("base")?.folder ?? "", { recursive: true });
  await runGraph(stages, ["top"], options());
  expect(events.at(-1)).toStartWith("cached");
  expect(await readdir(cache)).not.toContain("base");
});

test("runGraph leaves nothing of a stage that failed, and runs nothing that needs it", async () => {
  const broken = stage("base", [], {
    make: async ({ folder }) => {
      await writeFile(join(folder, "half"), "");
      throw new BuildError("no luck");
    },
  });
  const result = runGraph([...diamond, broken], ["top"], options());
  await expect(result).rejects.toThrow("no luck");
  expect(events).toEqual(["start base", "failed base"]);
  expect(await readdir(cache)).toEqual([]);
});

test("runGraph runs side by side, but not more than there are jobs", async () => {
  let running = 0;
  let most = 0;
  const busy = (name: string) =>
    stage(name, [], {
      make: async () => {
        running += 1;
        most = Math.max(most, running);
        await Bun.sleep(5);
        running -= 1;
      },
    });
  const names = ["a", "b", "c", "d", "e"];
  await runGraph(names.map(busy), names, options());
  expect(most).toBe(2);
});

test("runGraph points links at the newest result", async () => {
  const linked = (input: string) =>
    stage("base", [], { inputs: async () => [input], links: { "sub/name": "text" } });
  await runGraph([linked("old")], ["base"], options());
  const second = await runGraph([linked("new")], ["base"], options());
  const target = await readlink(join(cache, "out", "sub", "name"));
  expect(target).toBe(join(second.get("base")?.folder ?? "", "text"));
});

test("runGraph gives a stage only the results it names", async () => {
  const nosy = stage("nosy", [], { make: async ({ result }) => void result("base") });
  await expect(runGraph([...stages, nosy], ["nosy"], options())).rejects.toThrow(
    "does not name it",
  );
});

test("runGraph twice at once gives one whole result", async () => {
  const slow = stage("base", [], {
    make: async ({ folder }) => {
      await Bun.sleep(20);
      await writeFile(join(folder, "text"), "base");
    },
  });
  const both = [options(), options()].map((one) => runGraph([slow], ["base"], one));
  const [first, second] = await Promise.all(both);
  expect(first?.get("base")?.folder).toBe(second?.get("base")?.folder ?? "");
  expect(await readdir(cache)).toHaveLength(1);
});

test("runGraph prepares before it asks for inputs, as programs can be inputs", async () => {
  const order: string[] = [];
  const asking = stage("base", [], {
    inputs: async () => {
      order.push("inputs");
      return [];
    },
  });
  const prepare = async (needed: readonly Stage[]) => {
    order.push(...needed.map(({ name }) => `prepare ${name}`));
  };
  await runGraph([asking], ["base"], { ...options(), prepare });
  expect(order).toEqual(["prepare base", "inputs"]);
});
