// Tests of uncaught errors, in a process that would end by them without us.
import { expect, test } from "bun:test";
import { here } from "./test-machine.ts";

test("logUncaught keeps the process alive and says what happened", () => {
  const program = `
    import { logUncaught } from "${here}uncaught.ts";
    const say = (text) => console.log(text);
    logUncaught({ info: say, warning: say, error: say, fatal: say });
    setTimeout(() => { throw new TypeError("thrown"); }, 1);
    void Promise.reject(new TypeError("rejected"));
    setTimeout(() => { console.log("alive"); process.exit(7); }, 200);
  `;
  const result = Bun.spawnSync([process.execPath, "-e", program]);
  const output = result.stdout.toString();
  expect(output).toContain("Init goes on after an unexpected error: thrown");
  expect(output).toContain("Init goes on after an unexpected error: rejected");
  expect(output).toContain("alive");
  expect(result.exitCode).toBe(7);
});
