// Tests of what the operator alone can open.
import { expect, test } from "bun:test";
import { openOperatorBox, operatorBox } from "./operator-box.ts";
import { encryptTo, generateBoxKeyPair, SealedBoxError } from "./sealed-box.ts";

const view = { clusterUnlockKey: new Uint8Array(32).fill(1), joinKey: new Uint8Array(32).fill(2) };

test("the operator opens a box, nobody else does", () => {
  const operator = generateBoxKeyPair();
  const box = operatorBox(operator.publicKey, view);
  expect(openOperatorBox(operator, box)).toEqual(view);
  expect(() => openOperatorBox(generateBoxKeyPair(), box)).toThrow(SealedBoxError);
});

test("a box of other content is refused, and none is made without a key", () => {
  const operator = generateBoxKeyPair();
  const other = encryptTo(operator.publicKey, new Uint8Array(32));
  expect(() => openOperatorBox(operator, other)).toThrow("not the box of an operator");
  expect(operatorBox(new Uint8Array(), view)).toEqual(new Uint8Array());
});
