// Tests of finding the kernel image that was booted.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { EfiVariables } from "../../base/linux/efi-variables.ts";
import { testSigner } from "../../base/tpm/test-tpm.ts";
import { POLICY_KEYS_FILE } from "../../image/image.ts";
import { bootImage } from "./boot-image.ts";
import { nameStub, testKernelImage } from "./test-boot.ts";

let root: string;
let images: string;
let efivars: string;
const signer = testSigner();

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-boot-image-"));
  [images, efivars] = [join(root, "images"), join(root, "efivars")];
  for (const path of [images, efivars, dirname(join(root, POLICY_KEYS_FILE))]) {
    mkdirSync(path, { recursive: true });
  }
});
afterEach(() => rmSync(root, { recursive: true }));

function booted(slot: "a" | "b" = "a") {
  return bootImage({ images, slot, variables: new EfiVariables(efivars), root });
}

/** An image whose policy is signed under a reference, so that it can be told from others. */
function write(name: string, reference: string): void {
  writeFileSync(join(images, name), testKernelImage([signer], "ro --", reference));
}

async function references(slot: "a" | "b" = "a") {
  return (await (await booted(slot)).policies()).map(({ reference }) => reference);
}

test("bootImage reads the signed policy of the image that the stub names", async () => {
  write("metropolis-a+2-1.efi", "running");
  write("metropolis-a.efi", "other");
  nameStub(efivars, "\\EFI\\Linux\\metropolis-a+2-1.efi");
  expect(await references()).toEqual(["running"]);
});

test("bootImage finds the image after it has lost its counter", async () => {
  write("metropolis-a.efi", "running");
  nameStub(efivars, "\\EFI\\Linux\\metropolis-a+2-1.efi");
  expect(await references()).toEqual(["running"]);
});

test.each(["\\evil\\metropolis-b.efi", "\\EFI\\Linux\\..\\..\\evil.efi", "/etc/passwd"])(
  "bootImage does not follow the name %s",
  async (name) => {
    write("metropolis-a.efi", "running");
    nameStub(efivars, name);
    expect(await references()).toEqual(["running"]);
  },
);

test("bootImage goes by the slot where there is no name, and finds no policy in a bare image", async () => {
  writeFileSync(join(images, "metropolis-b.efi"), testKernelImage([]));
  expect(await references("b")).toEqual([]);
});

test("bootImage has the keys of the system image, the newest last, and none without a file", async () => {
  expect((await booted()).keys).toEqual([]);
  const next = testSigner();
  writeFileSync(join(root, POLICY_KEYS_FILE), signer.pem + next.pem);
  const { keys } = await booted();
  expect(keys.map(({ name }) => name)).toEqual([signer.key.name, next.key.name]);
});
