// The expected hashes were made by veritysetup 2.7.5 from the same images.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { FormatError } from "./format.ts";
import { VERITY_BLOCK_BYTES, verityTree } from "./verity-tree.ts";

const salt = Uint8Array.of(0x00, 0x11, 0x22, 0x33);

/** An image in which no two blocks are the same. */
function image(blocks: number): Uint8Array {
  const at = (index: number) => {
    const [block, byte] = [Math.floor(index / VERITY_BLOCK_BYTES), index % VERITY_BLOCK_BYTES];
    return block * 7 + byte * 13 + (byte >> 8);
  };
  return Uint8Array.from({ length: blocks * VERITY_BLOCK_BYTES }, (_, index) => at(index));
}

function sha256(...parts: readonly Uint8Array[]): string {
  return createHash("sha256").update(Buffer.concat(parts)).digest("hex");
}

test("verityTree makes the tree that veritysetup makes, over three levels", () => {
  const data = image(300);
  const { tree, rootHash, dataBlocks } = verityTree(data, salt);
  expect(dataBlocks).toBe(300);
  expect(rootHash.toHex()).toBe("72014dc9f29e7987a2ecae609ec794df2d854b643cf0c59d5b490332f9b51957");
  expect(sha256(data, tree)).toBe(
    "9c96591cfffebd0a9e61ab9b48b67154fc3ca2272e45fcdfe82045ebed91291d",
  );
});

test("verityTree of a single block is no tree: the root hash is that of the block", () => {
  const data = image(1);
  const { tree, rootHash } = verityTree(data, salt);
  expect(rootHash.toHex()).toBe("2c18d34a5b2083e7e537d55b1daeb255c7d823a0533d0ed57d0777f4e80fb7c0");
  expect(sha256(data, tree)).toBe(
    "cae34dc770807ee10d0943383382447a7494eacad47eacebfec7b953ffe41138",
  );
});

test("verityTree notices a change of one bit anywhere", () => {
  const data = image(130);
  const { rootHash } = verityTree(data, salt);
  data.set([255 ^ (data.at(-1) ?? 0)], data.length - 1);
  expect(verityTree(data, salt).rootHash.toHex()).not.toBe(rootHash.toHex());
});

test.each([0, 1, 4095, 4097])("verityTree refuses an image of %d bytes", (size) => {
  expect(() => verityTree(new Uint8Array(size), salt)).toThrow(FormatError);
});
