// Tests of hosts with ports.
import { expect, test } from "bun:test";
import { joinHostPort } from "./host-port.ts";

test.each([
  ["node.internal", "node.internal:7835"],
  ["192.0.2.1", "192.0.2.1:7835"],
  ["fd00::1", "[fd00::1]:7835"],
])("joinHostPort of %s is %s", (host, text) => {
  expect(joinHostPort(host, 7835)).toBe(text);
});
