// Has: a node's disk to write on, while the node is off. Wants: the node to take a data partition
// of his for its own, in the clear or by a cipher of his choice. The kernel would read his file
// system, and the node write to it; the passphrase, which he does not have, still fits.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatLuks, openLuks, opensLuks } from "../../src/node/storage/luks.ts";
import { type Metadata, rewriteHeader } from "./luks-writer.ts";

const passphrase = new Uint8Array(32).fill(1);
let folder: string;
let device: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "disk-writer-"));
  device = join(folder, "device");
  writeFileSync(device, "");
  truncateSync(device, 64 << 20);
  await formatLuks(device, "encrypted", passphrase);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What the node does with the partition, and why not. */
async function refusal(): Promise<string> {
  const opening = openLuks(device, "encrypted", passphrase, join(folder, "memory"));
  return await opening.then(
    () => "it opens",
    (error: unknown) => String(error),
  );
}

const segment = ({ segments }: Metadata) => segments[0] ?? {};
const slots = ({ keyslots }: Metadata) => Object.values(keyslots);

/** What cryptsetup itself takes, with the node's own passphrase. */
const taken: Readonly<Record<string, (metadata: Metadata) => void>> = {
  "no cipher": (all) => Object.assign(segment(all), { encryption: "cipher_null-ecb" }),
  "a cipher without order": (all) => Object.assign(segment(all), { encryption: "aes-ecb" }),
  "another place": (all) => Object.assign(segment(all), { offset: `${32 << 20}` }),
  "a part in the open": (all) => {
    Object.assign(segment(all), { size: `${16 << 20}` });
    const open = { type: "linear", offset: `${32 << 20}`, size: "dynamic" };
    Object.assign(all.segments, { 1: open });
  },
  "a token": (all) => Object.assign(all.tokens, { 0: { type: "his", keyslots: [] } }),
};

test.each(Object.entries(taken))("he gives it %s", async (_, change) => {
  rewriteHeader(device, change);
  expect(await opensLuks(device, passphrase)).toBe(true);
  expect(await refusal()).toMatch(/not a node's: somebody changed (segments|tokens)/);
});

test("he puts a key that he knows into a slot that hides nothing", async () => {
  rewriteHeader(device, (all) => {
    for (const { area } of slots(all)) area.encryption = "cipher_null-ecb";
  });
  expect(await refusal()).toMatch(/somebody changed keyslots/);
});
