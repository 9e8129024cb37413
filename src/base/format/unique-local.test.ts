// Tests of unique local networks.
import { expect, test } from "bun:test";
import { formatPrefix } from "./ip-prefix.ts";
import { uniqueLocalNetwork } from "./unique-local.ts";

test("uniqueLocalNetwork is always the same of the same bytes, and another of others", () => {
  const network = formatPrefix(uniqueLocalNetwork(Uint8Array.of(1)));
  expect(network).toMatch(/^fd[0-9a-f]{2}:[0-9a-f:]+::\/48$/);
  expect(formatPrefix(uniqueLocalNetwork(Uint8Array.of(1)))).toBe(network);
  expect(formatPrefix(uniqueLocalNetwork(Uint8Array.of(2)))).not.toBe(network);
});
