// Tests of the choice of role.
import { expect, test } from "bun:test";
import { magic } from "../base/linux/statfs.ts";
import { chooseRole, roleFor } from "./role.ts";

test.each([
  ["ramfs", magic.ramfs, "installer"],
  ["tmpfs", magic.tmpfs, "installer"],
  ["erofs", magic.erofs, "node"],
] as const)("roleFor a system on %s", (_, kind, role) => {
  expect(roleFor(kind)).toBe(role);
});

test("chooseRole gives a role for the system under test", () => {
  expect(["node", "installer"]).toContain(chooseRole());
});
