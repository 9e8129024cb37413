// Tests of what the operator alone can open.
import { expect, test } from "bun:test";
import { openOperatorBox, operatorBox } from "./operator-box.ts";
import { encryptTo, generateBoxKeyPair, SealedBoxError } from "./sealed-box.ts";

const id = "metropolis-a";
const operator = generateBoxKeyPair();
const view = { clusterUnlockKey: new Uint8Array(32).fill(1), joinKey: new Uint8Array(32).fill(2) };

test("the operator opens a box, nobody else does", async () => {
  const box = await operatorBox(operator.publicKey, id, view);
  expect(await openOperatorBox(operator, id, box)).toEqual(view);
  const foreign = openOperatorBox(generateBoxKeyPair(), id, box);
  await expect(foreign).rejects.toThrow(SealedBoxError);
});

test("a node's box is not taken for another's", async () => {
  const box = await operatorBox(operator.publicKey, id, view);
  const moved = openOperatorBox(operator, "metropolis-b", box);
  await expect(moved).rejects.toThrow("does not hold the operator's view of metropolis-b");
});

test("a box of other content is refused, and none is made without a key", async () => {
  const content = { purpose: "operator's view", nodeId: id } as const;
  const short = await encryptTo(operator.publicKey, content, new Uint8Array(32));
  await expect(openOperatorBox(operator, id, short)).rejects.toThrow("not the box of an operator");
  const unlock = { purpose: "cluster unlock key", nodeId: id } as const;
  const other = await encryptTo(operator.publicKey, unlock, new Uint8Array(64));
  await expect(openOperatorBox(operator, id, other)).rejects.toThrow("does not hold");
  expect(await operatorBox(new Uint8Array(), id, view)).toEqual(new Uint8Array());
});
