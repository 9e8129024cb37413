// Tests of hashing what passes by.
import { expect, test } from "bun:test";
import { hashedStream } from "./hashed-stream.ts";

test("hashedStream gives what it hashes", async () => {
  async function* source() {
    yield Buffer.from("a");
    yield Buffer.from("bc");
  }
  const hash = new Bun.CryptoHasher("sha256");
  expect(Buffer.concat(await Array.fromAsync(hashedStream(source(), hash))).toString()).toBe("abc");
  expect(hash.digest("hex")).toBe(Bun.SHA256.hash("abc", "hex"));
});
