// What must not work: changed code, another machine, Secure Boot switched off; and
// what must not be found on the disk.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readPe } from "../../src/base/format/pe.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { signFile } from "../../src/image/build/keys.ts";
import { isReachable, type Machine, manufactureTpm } from "../../src/launcher/launcher.ts";
import { type Metadata, rewriteHeader } from "../attack/luks-writer.ts";
import { bytesAt, changeByte, findBytes, partitionOf, writeBytes } from "./disk-image.ts";
import {
  API_PORT,
  continueFrom,
  golden,
  outputs,
  patience,
  powerOff,
  scratch,
  untilServing,
} from "./golden.ts";
import { keysInMemory, spellings } from "./secrets.ts";

/** How long a machine natively takes to have said why it does not go on. */
const REFUSAL_MS = 40_000;
/** How long the API stays shut after a refusal, before we believe it. */
const SHUT_MS = 2_000;

/** Boots the owned machine after something was done to it, until the console says `refusal`. */
async function bootChanged(
  name: string,
  change: (machine: Machine) => Promise<void>,
  refusal: RegExp,
): Promise<string> {
  const { owned } = await golden();
  await using cluster = await continueFrom(name, owned);
  const machine = cluster.machine();
  await change(machine);
  await machine.powerOn();
  await machine.console.waitFor(refusal, { timeoutMs: patience(cluster, REFUSAL_MS) });
  await Bun.sleep(patience(cluster, SHUT_MS));
  const target = { host: machine.address, port: API_PORT };
  expect(await isReachable(cluster.proxy, target)).toBe(false);
  return machine.console.text();
}

/** A piece of the kernel image that occurs nowhere else. */
function pieceOfKernel(): Uint8Array {
  const image = readFileSync(join(outputs, "metropolis.efi"));
  const middle = Math.floor(image.length / 2 / 4096) * 4096;
  return image.subarray(middle, middle + 64);
}

/** Registers the tests. */
export function lockedDown(): void {
  test("a kernel image with one changed byte does not boot", async () => {
    const console = await bootChanged(
      "kernel",
      async ({ files }) => {
        const esp = await partitionOf(files.disk, "esp");
        const places = findBytes(files.disk, [pieceOfKernel()], esp);
        expect(places).toHaveLength(1);
        changeByte(files.disk, places[0] ?? 0);
      },
      /Access denied|Security Violation/i,
    );
    expect(console).not.toContain("Starting the node");
  });

  test("a system partition with one changed byte is not used", async () => {
    const console = await bootChanged(
      "system",
      async ({ files }) => {
        const { offset } = await partitionOf(files.disk, "systemA");
        // The superblock, which must be read before anything else.
        changeByte(files.disk, offset + 1024);
      },
      /verity.*corrupt|Kernel panic/,
    );
    expect(console).not.toContain("Starting the node");
  });

  test("the disk does not unlock in a machine with another TPM", async () => {
    await bootChanged(
      "other-tpm",
      async ({ files }) => {
        rmSync(files.tpm, { recursive: true });
        await manufactureTpm(files);
      },
      /sealed by another TPM/,
    );
  });

  test("the disk does not unlock for a kernel image without its signed policy", async () => {
    const console = await bootChanged("unsigned", takeAwayPolicy, /not signed with the policy key/);
    // The firmware had nothing against it, and neither had the kernel: it is signed, and unchanged.
    expect(console).toContain("Starting the node");
  });

  test("the disk does not unlock with Secure Boot switched off", async () => {
    await bootChanged(
      "insecure",
      async ({ files }) => {
        const variables = join(outputs, "host/usr/share/OVMF/OVMF_VARS_4M.fd");
        copyFileSync(variables, files.variables);
      },
      /Secure Boot state has changed since it was sealed \(PCR 7\)/,
    );
  });

  test("the data partition does not open where its header names another cipher", async () => {
    await bootChanged(
      "other-cipher",
      async ({ files }) => {
        const { offset } = await partitionOf(files.disk, "data");
        const change = { encryption: "cipher_null-ecb", integrity: undefined };
        const inTheOpen = ({ segments }: Metadata) => Object.assign(segments[0] ?? {}, change);
        rewriteHeader(files.disk, inTheOpen, offset);
      },
      /the header of the data partition is not a node's: somebody changed segments/,
    );
  });

  test("the disk holds none of the cluster's secrets in the clear", secretsStaySecret);
}

/**
 * Gives the kernel image's section `.pcrsig` another name, and signs it as the holder of db would: a
 * good image for the firmware, measured as before in PCR 11, and not a release.
 */
async function takeAwayPolicy({ files }: Machine): Promise<void> {
  const image = readFileSync(join(outputs, "metropolis.efi"));
  const esp = await partitionOf(files.disk, "esp");
  const [place = 0, ...others] = findBytes(files.disk, [image.subarray(0, 4096)], esp);
  expect(others).toEqual([]);
  // The installer has written it in one piece.
  expect(bytesAt(files.disk, place, image.length)).toEqual(image);
  const bare = unsigned(image);
  bare.set(new TextEncoder().encode(".xcrsig"), bare.indexOf(".pcrsig"));
  const signed = await signFile(join(outputs, "keys"), bare);
  expect(signed).toHaveLength(image.length);
  writeBytes(files.disk, place, signed);
}

/** A program without its signature, which lies at the end. */
function unsigned(image: Buffer): Buffer {
  const { certificateEntry } = readPe(image);
  const end = image.readUInt32LE(certificateEntry);
  const bare = Buffer.from(image.subarray(0, end));
  bare.fill(0, certificateEntry, certificateEntry + 8);
  return bare;
}

/**
 * The secrets are taken from the running machine's memory. That the CA's and the
 * node's own key are among them shows that the search finds what there is.
 */
async function secretsStaySecret(): Promise<void> {
  const { owned, owner, candidate } = await golden();
  await using cluster = await continueFrom("secrets", owned);
  const machine = cluster.machine();
  await machine.powerOn();
  await untilServing(cluster, machine);
  const memory = join(scratch("secrets"), "memory");
  await machine.saveMemory(memory);
  const ca = new X509Certificate(readFileSync(fileBelow(owner, "ca.pem")));
  const caKey = ca.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  const keys = keysInMemory(memory, [caKey]);
  rmSync(memory);
  await powerOff(cluster, machine);

  const names = keys.map(({ publicKey }) => nodeId(publicKey));
  const own = names.filter((name) => machine.console.text().includes(name));
  expect(own).not.toEqual([]);
  expect(keys.some(({ publicKey }) => Buffer.compare(publicKey, caKey) === 0)).toBe(true);

  // Programs carry keys to test themselves with; what everybody has is no secret.
  const image = join(outputs, "system.img");
  const secrets = keys
    .map(({ seed }) => seed)
    .filter((seed) => findBytes(image, spellings(seed)).length === 0);
  expect(secrets.length).toBeGreaterThanOrEqual(2);
  const ownership = readFileSync(fileBelow(candidate, "ownership-secret"), "utf8").trim();
  const needles = [...secrets, Uint8Array.fromHex(ownership)].flatMap(spellings);
  expect(findBytes(machine.files.disk, needles)).toEqual([]);
}

/** A file in a configuration folder, whatever context it is in. */
function fileBelow(folder: string, name: string): string {
  const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((path) =>
    `/${path}`.endsWith(`/${name}`),
  );
  const path = join(folder, found ?? name);
  expect(existsSync(path)).toBe(true);
  return path;
}
