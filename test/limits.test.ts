import { expect, test } from "bun:test";
import { join } from "node:path";
import { TOML } from "bun";
import { limitMs } from "./limits.ts";

const top = join(import.meta.dir, "..");

test.each([
  ["src/metroctl/metroctl.test.ts", 60_000],
  ["test/gen.test.ts", 300_000],
  ["test/cluster/families.test.ts", 300_000],
  ["test/image/reproducible.test.ts", 1_200_000],
  ["test/vm/vm.test.ts", 1_200_000],
  ["./test/vm", 1_200_000],
  ["./test/attack", 300_000],
  ["./src", 60_000],
])("limitMs of %s is %d", (path, ms) => {
  expect(limitMs(join(top, path))).toBe(ms);
});

test("limits are loaded before every test, also where a file is run alone", async () => {
  const settings = TOML.parse(await Bun.file(join(top, "bunfig.toml")).text());
  expect(settings).toMatchObject({ test: { preload: ["./test/preload.ts"] } });
});
