// Tests of remembering the owner.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { ownerFile } from "./owner.ts";

const [old, next] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

test("ownerFile remembers each owner, and begins with the last", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-owner-"));
  const path = join(folder, "owner.key");
  writeFileSync(path, old);
  const owner = new Value<Uint8Array>();
  {
    await using _ = testSupervisor(ownerFile(owner, path));
    await until(() => owner.current?.[0] === 1);
    owner.set(next);
    await until(() => readFileSync(path).equals(next));
  }
  const again = new Value<Uint8Array>();
  await using _ = testSupervisor(ownerFile(again, path));
  await until(() => again.current?.[0] === 2);
  expect(readFileSync(path).equals(next)).toBe(true);
  rmSync(folder, { recursive: true });
});
