// Which texts are keys of WireGuard.
import { expect, test } from "bun:test";
import { isWireguardKey } from "./wireguard-key.ts";

test.each([
  ["a key", Buffer.alloc(32, 7).toString("base64"), true],
  ["none", "", false],
  ["a short one", "AAAA", false],
  ["a long one", Buffer.alloc(33, 7).toString("base64"), false],
  ["zeros", Buffer.alloc(32).toString("base64"), false],
  ["a blank behind it", `${Buffer.alloc(32, 7).toString("base64")} `, false],
  ["a line behind it", `${Buffer.alloc(32, 7).toString("base64")}\nEndpoint = 192.0.2.9:1`, false],
  ["no padding", Buffer.alloc(32, 7).toString("base64url"), false],
  ["bits beyond its end", `${"B".repeat(42)}B=`, false],
])("isWireguardKey tells %s", (_, text, expected) => {
  expect(isWireguardKey(text)).toBe(expected);
});
