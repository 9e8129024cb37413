// What is measured of an image; that firmware, stub and kernel measure the same, the VM tests show.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { addSections } from "../base/format/pe.ts";
import { tinyPe } from "../base/format/test-pe.ts";
import { EPOCH, epochReference, epochsUpTo } from "./epoch.ts";
import { predictPcrs } from "./measured-boot.ts";

const section = (name: string, text: string) => ({ name, bytes: new TextEncoder().encode(text) });
const stub = tinyPe(new TextEncoder().encode("stub"));
const usual = [section(".osrel", "NAME=x"), section(".cmdline", "ro --\0"), section(".linux", "k")];

function pcrs(sections: readonly ReturnType<typeof section>[]) {
  const values = predictPcrs(addSections(stub, sections));
  return [9, 11, 12].map((number) => values.get(number)?.toHex());
}

test("predictPcrs gives the command line to PCR 9, as the kernel has it", () => {
  const text = createHash("sha256").update(Buffer.from("ro --\0", "utf16le")).digest();
  const extended = createHash("sha256").update(new Uint8Array(32)).update(text).digest("hex");
  expect(pcrs(usual)[0]).toBe(extended);
});

test("predictPcrs gives the sections to PCR 11, in the stub's order and not the file's", () => {
  expect(pcrs(usual.toReversed())).toEqual(pcrs(usual));
  for (const [index] of usual.entries()) {
    const changed = usual.with(index, section(usual[index]?.name ?? "", "other\0"));
    expect(pcrs(changed)[1]).not.toBe(pcrs(usual)[1]);
  }
});

test("predictPcrs leaves the signed policy out, as it cannot sign itself", () => {
  expect(pcrs([section(".pcrsig", "{}"), ...usual])).toEqual(pcrs(usual));
});

test("predictPcrs wants nothing added from outside", () => {
  expect(pcrs(usual)[2]).toBe("00".repeat(32));
});

test("predictPcrs refuses an image without a command line", () => {
  expect(() => pcrs([section(".linux", "k")])).toThrow("no command line");
});

test("a release is signed for its epoch and all before", () => {
  expect(epochsUpTo(3)).toEqual([1, 2, 3]);
  expect(epochReference(EPOCH)).toBe(`metropolis epoch ${EPOCH}`);
});
