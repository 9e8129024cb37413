// Programs of the build machine: run the same everywhere, asked for when missing.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { ensurePrograms, hasProgram, host, installLine, missingPackages } from "./host.ts";
import type { Stage } from "./stage.ts";

function stage(more: Partial<Stage>): Stage {
  const inputs = async () => [];
  return {
    name: "x",
    summary: "",
    needs: [],
    code: import.meta.path,
    inputs,
    make: async () => {},
    ...more,
  };
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

test("stopPrograms ends what runs, and nothing starts any more", async () => {
  // In a process of its own, as there is no way back from it.
  const script = `
    import { host, stopPrograms } from ${JSON.stringify(join(import.meta.dir, "host.ts"))};
    setTimeout(stopPrograms, 100);
    for (const attempt of [1, 2]) await host(["sleep", "60"]).catch(({ message }) => console.log(message));
  `;
  expect(await host([process.execPath, "-e", script])).toBe("interrupted\ninterrupted\n");
});

test("ensurePrograms is content when nothing is missing", async () => {
  const notes: string[] = [];
  await ensurePrograms([stage({ programs: { sh: "dash" } })], (text) => notes.push(text));
  expect(notes).toEqual([]);
});

test("ensurePrograms cannot install Go, and says so", async () => {
  const wanting = [stage({ programs: { "no-such-go": "go" } })];
  await expect(ensurePrograms(wanting, () => {})).rejects.toThrow("Go 1.26 or newer is missing");
});
