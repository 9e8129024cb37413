// Tests of sharing secrets.
import { expect, test } from "bun:test";
import { combineShares, ShareError, splitSecret } from "./shares.ts";

const secret = crypto.getRandomValues(new Uint8Array(32));

test.each([
  [3, 2],
  [5, 3],
  [7, 4],
])("of %i shares any %i make the secret, in any order", async (count, threshold) => {
  const shares = await splitSecret(secret, count, threshold);
  for (let first = 0; first < count; first++) {
    const chosen = Array.from({ length: threshold }, (_, i) => shares[(first + i) % count]);
    const present = chosen.flatMap((share) => (share === undefined ? [] : [share]));
    expect(await combineShares(present.toReversed())).toEqual(secret);
  }
});

test("one share too few makes something else", async () => {
  const shares = await splitSecret(secret, 5, 3);
  expect(await combineShares(shares.slice(0, 2))).not.toEqual(secret);
});

test("where one suffices the share is the secret", async () => {
  const [share = new Uint8Array()] = await splitSecret(secret, 1, 1);
  expect(share).toEqual(secret);
  expect(await combineShares([share])).toEqual(secret);
});

test("what are no shares is refused", async () => {
  await expect(combineShares([])).rejects.toThrow(ShareError);
  await expect(combineShares([secret, secret])).rejects.toThrow(ShareError);
  await expect(combineShares([secret, new Uint8Array(3)])).rejects.toThrow(ShareError);
  await expect(splitSecret(secret, 2, 3)).rejects.toThrow("impossible");
});
