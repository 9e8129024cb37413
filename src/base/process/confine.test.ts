// Tests of the one function that every start goes through.
import { afterEach, expect, test } from "bun:test";
import { testSupervisor } from "../supervisor/test-supervisor.ts";
import { confineStarts } from "./confine.ts";
import { program } from "./program.ts";
import { run } from "./run.ts";

afterEach(() => confineStarts((_, options) => options));

/** Programs in the order in which they were started. */
function watched(): readonly string[] {
  const names: string[] = [];
  confineStarts((name, options) => {
    names.push(name);
    return { ...options, argv: ["sh", "-c", "echo confined; exit 0"] };
  });
  return names;
}

test("confineStarts decides how run starts a program", async () => {
  const names = watched();
  expect((await run(["/usr/bin/false"])).text).toBe("confined\n");
  expect(names).toEqual(["false"]);
});

test("confineStarts decides how supervised programs start, by the names we give them", async () => {
  const names = watched();
  await using tested = testSupervisor(program({ argv: ["false"], program: "curator" }));
  while (tested.pauses.length === 0) await Bun.sleep(5);
  expect(names[0]).toBe("curator");
});

test("confineStarts may refuse, and then nothing starts", async () => {
  confineStarts((name) => {
    throw new TypeError(`${name} has no row`);
  });
  await expect(run(["true"])).rejects.toThrow("true has no row");
});
