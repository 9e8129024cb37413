// `metroctl cluster backup` while the cluster loses its leader.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(() => plane[Symbol.asyncDispose]());

/** A backup that breaks off so many times after its first part, each time with other content. */
function broken(times: number, code: Code = Code.unavailable): AsyncIterable<Uint8Array> {
  let attempt = 0;
  return {
    [Symbol.asyncIterator]: async function* () {
      attempt++;
      yield new Uint8Array(1_000).fill(attempt);
      if (attempt <= times) throw new RpcError(code, "Connection dropped");
      yield new Uint8Array(10).fill(attempt);
    },
  };
}

const file = () => join(plane.home, "cluster.backup");

test("a backup that breaks off with its leader is begun again, and is all of one piece", async () => {
  plane.backup = broken(2);
  const { stdout, stderr, exitCode } = await plane.metroctl("cluster", "backup", file());
  expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  expect(stdout).toStartWith(`Saved 1010 bytes to ${file()}`);
  expect(new Set(readFileSync(file()))).toEqual(new Set([3]));
});

test("one that breaks off each time is given up, with the reason", async () => {
  plane.backup = broken(100);
  const { stderr, exitCode } = await plane.metroctl("cluster", "backup", file());
  expect(stderr).toBe("Error: Connection dropped (unavailable): try again in a moment\n");
  expect(exitCode).toBe(1);
});

test("one that is refused is not begun again", async () => {
  const refused = broken(1, Code.failedPrecondition);
  plane.backup = refused;
  expect((await plane.metroctl("cluster", "backup", file())).exitCode).toBe(1);
  const [first] = await Array.fromAsync(refused);
  expect(first?.[0]).toBe(2);
});
