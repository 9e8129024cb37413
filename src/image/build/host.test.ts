import { expect, test } from "bun:test";
import { hasProgram, host, installLine, missingPackages } from "./host.ts";
import type { Stage } from "./stage.ts";

function stage(more: Partial<Stage>): Stage {
  const inputs = async () => [];
  return { name: "x", summary: "", needs: [], revision: 1, inputs, make: async () => {}, ...more };
}

test("host returns what a program prints, in a locale and time zone of its own", async () => {
  expect(await host(["sh", "-c", "echo $LC_ALL $TZ"])).toBe("C UTC\n");
});

test("host hands over input, folder and environment", async () => {
  const call = { cwd: "/", input: "hello", env: { WORD: "world" } };
  expect(await host(["sh", "-c", 'cat; echo " $WORD"; pwd'], call)).toBe("hello world\n/\n");
});

test("host throws with what the program said when it fails", async () => {
  await expect(host(["sh", "-c", "echo no such luck >&2; exit 3"])).rejects.toThrow("no such luck");
});

test("missingPackages names packages of absent programs and files, each once", () => {
  const stages = [
    stage({ programs: { sh: "dash", "no-such-program": "nothing" } }),
    stage({ programs: { "no-other-program": "nothing" }, files: { "/no/header.h": "headers" } }),
  ];
  expect(missingPackages(stages)).toEqual(["headers", "nothing"]);
  expect(missingPackages([stage({ programs: { sh: "dash" } })])).toEqual([]);
});

test("hasProgram looks where the build looks", () => {
  expect(hasProgram("sh")).toBe(true);
  expect(hasProgram("no-such-program")).toBe(false);
});

test("installLine can be copied into a terminal", () => {
  expect(installLine(["flex", "bison"])).toBe(
    "apt-get install -y --no-install-recommends flex bison",
  );
});
