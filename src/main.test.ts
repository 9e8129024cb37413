// Tests of choosing the role.
import { expect, test } from "bun:test";
import { roleOf } from "./main.ts";

test.each([
  ["/init", undefined, "init"],
  ["node", undefined, "node"],
  ["/usr/lib/dhcpcd/dhcp-hook", undefined, "dhcp-hook"],
  ["./metroctl", undefined, "metroctl"],
  ["curator", "node", "curator"],
])("roleOf takes the role from the program name %s", (argv0, wanted, role) => {
  expect(roleOf(argv0, wanted)).toBe(role);
});

test("roleOf asks the environment when run from source", () => {
  expect(roleOf("bun", "installer")).toBe("installer");
});

test.each([
  ["bun", undefined],
  ["metroctl-linux-arm64", undefined],
  ["bun", "shell"],
])("roleOf makes anything else metroctl: %s, %s", (argv0, wanted) => {
  expect(roleOf(argv0, wanted)).toBe("metroctl");
});
