// Tests of judging users by the owner's present key.
import { expect, test } from "bun:test";
import { isReplaced, requireOwner } from "./owner.ts";
import { Code } from "./rpc-error.ts";

const [mine, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const user = { kind: "user", name: "owner", publicKey: mine } as const;

test("isReplaced tells users with another key, and nobody else", () => {
  expect(isReplaced(user, mine)).toBe(false);
  expect(isReplaced(user, other)).toBe(true);
  expect(isReplaced({ kind: "node", id: "a", publicKey: mine }, other)).toBe(false);
  expect(isReplaced({ kind: "anonymous" }, other)).toBe(false);
});

test("requireOwner lets in the present key alone, and nobody before it is known", () => {
  expect(() => requireOwner(user, mine)).not.toThrow();
  const refused = { code: Code.unauthenticated };
  expect(() => requireOwner(user, other)).toThrow(expect.objectContaining(refused));
  const unknown = { code: Code.unavailable };
  expect(() => requireOwner(user, undefined)).toThrow(expect.objectContaining(unknown));
});
