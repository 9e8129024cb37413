// Tests of the networks of pods.
import { expect, test } from "bun:test";
import { isWithin, overlaps, type Prefix, parsePrefix } from "../../base/format/ip-prefix.ts";
import { Code } from "../../base/rpc/rpc.ts";
import { POD_NETWORK, podNetwork6 } from "../../image/image.ts";
import { freePodRanges, podRanges } from "./pod-ranges.ts";
import { testCa, testLeader } from "./test-leader.ts";

const network6 = podNetwork6(testCa.certificate);

function prefix(text = ""): Prefix {
  return parsePrefix(text) ?? { family: 4, value: 0n, length: 0 };
}

test("podRanges count up inside both networks, and never meet", () => {
  const numbers = [0, 1, 255, 256, 8_191];
  const ranges = numbers.map((number) => podRanges(number, network6).map(prefix));
  expect(numbers.map((number) => podRanges(number, network6)[0])).toEqual([
    ...["10.192.0.0/24", "10.192.1.0/24", "10.192.255.0/24", "10.193.0.0/24", "10.223.255.0/24"],
  ]);
  for (const [v4, v6] of ranges) {
    expect(v4 && isWithin(v4, POD_NETWORK)).toBe(true);
    expect(v6 && isWithin(v6, network6)).toBe(true);
  }
  const all = ranges.flat();
  const meeting = all.filter((one, at) => all.slice(at + 1).some((other) => overlaps(one, other)));
  expect(meeting).toEqual([]);
});

test("freePodRanges gives the lowest that nobody holds, in either family", async () => {
  await using leader = await testLeader();
  const at = (number: number) => [...podRanges(number, network6)];
  expect(await freePodRanges(leader)).toEqual(at(0));
  await leader.add({ podRanges: at(0) });
  await leader.add({ podRanges: at(2) });
  expect(await freePodRanges(leader)).toEqual(at(1));
  await leader.add({ podRanges: at(1).slice(1) });
  expect(await freePodRanges(leader)).toEqual(at(3));
});

test("freePodRanges says so when all are held", async () => {
  await using leader = await testLeader();
  const all = Array.from({ length: 8_192 }, (_, number) => podRanges(number, network6)).flat();
  await leader.add({ podRanges: all });
  await expect(freePodRanges(leader)).rejects.toMatchObject({ code: Code.resourceExhausted });
});
