// A software TPM for tests: swtpm, the same program that the launcher's machines have. And what
// tests seal to: policies signed by a key of their own.
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, run, startChild } from "../process/process.ts";
import { type PcrValues, type PolicyKey, policyKey } from "./policy.ts";
import { type SignedPolicy, signPolicy } from "./signed-policy.ts";
import { openTpm, type Tpm } from "./tpm.ts";

/** A running software TPM. */
export interface SoftwareTpm extends AsyncDisposable {
  /** How tpm2-tools reach it. */
  readonly tcti: string;
  /** Folder for scratch files. */
  readonly scratch: string;
  /** Extends a PCR, as firmware does when it measures something. */
  extend(pcr: number): Promise<void>;
  /** Listens on the way to the chip. */
  tap(): Promise<BusTap>;
  /** Ends it as a power cut does: without a word to it. */
  cutPower(): Promise<void>;
}

/** A recorder between tpm2-tools and the TPM, as wires on its bus would be. */
export interface BusTap extends Disposable {
  /** How tpm2-tools reach the TPM through it. */
  readonly tcti: string;
  /** All that went either way so far. */
  recorded(): Uint8Array;
}

/** Somebody who signs policies. */
export interface TestSigner {
  readonly pem: string;
  readonly key: PolicyKey;
  sign(values: PcrValues, reference: string): SignedPolicy;
}

/** A new policy key with its private half. */
export function testSigner(): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
  const key = policyKey(pem);
  return {
    pem,
    key,
    sign: (values, reference) =>
      signPolicy(key, values, reference, (bytes) => sign("sha256", bytes, privateKey)),
  };
}

/** How long swtpm may take to listen. */
const START_MS = 10_000;
const PERIOD_MS = 20;

/** Starts a new TPM, or with `state` one that remembers what it was before. */
export async function softwareTpm(
  state = mkdtempSync(join(tmpdir(), "tpm-state-")),
): Promise<SoftwareTpm> {
  const scratch = mkdtempSync(join(tmpdir(), "tpm-"));
  mkdirSync(state, { recursive: true });
  const socket = join(scratch, "s");
  const child = startChild(
    ["swtpm", "socket", "--tpm2", "--tpmstate", `dir=${state}`].concat(
      ["--server", `type=unixio,path=${socket}`, "--ctrl", `type=unixio,path=${socket}.ctrl`],
      ["--flags", "not-need-init,startup-clear"],
    ),
    { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }, log: join(scratch, "log") },
  );
  const tcti = `swtpm:path=${socket}`;
  await untilReady(tcti);
  return {
    tcti,
    scratch,
    extend: async (pcr) => {
      await tool(tcti, ["pcrextend", `${pcr}:sha256=${"11".repeat(32)}`]);
    },
    tap: () => tap(socket, join(scratch, "tap")),
    cutPower: () => end(child, scratch, "SIGKILL"),
    [Symbol.asyncDispose]: () => end(child, scratch, "SIGTERM"),
  };
}

/** Opens a software TPM, as a machine opens its chip. */
export async function openSoftwareTpm(from: Pick<SoftwareTpm, "tcti" | "scratch">): Promise<Tpm> {
  const opened = await openTpm(from);
  if (opened === undefined) throw new TypeError("a TPM with an address is always there");
  return opened;
}

/** Each tool makes a connection of its own, which has one of its own to the TPM. */
async function tap(real: string, path: string): Promise<BusTap> {
  const chunks: Buffer[] = [];
  const server = createServer((client) => {
    const chip = createConnection(real);
    for (const [from, to] of [[client, chip] as const, [chip, client] as const]) {
      from.on("data", (bytes) => {
        chunks.push(Buffer.from(bytes));
        to.write(bytes);
      });
      from.on("close", () => to.end());
      from.on("error", () => to.destroy());
    }
  });
  await once(server.listen(path), "listening");
  symlinkSync(`${real}.ctrl`, `${path}.ctrl`);
  return {
    tcti: `swtpm:path=${path}`,
    recorded: () => Buffer.concat(chunks),
    [Symbol.dispose]: () => void server.close(),
  };
}

async function tool(tcti: string, args: readonly string[]): Promise<void> {
  await run(["tpm2", ...args], { env: { TPM2TOOLS_TCTI: tcti } });
}

async function untilReady(tcti: string): Promise<void> {
  for (const deadline = performance.now() + START_MS; ; ) {
    try {
      return await tool(tcti, ["getrandom", "1"]);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await Bun.sleep(PERIOD_MS);
    }
  }
}

async function end(child: Child, scratch: string, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  child.kill(signal);
  await child.exited;
  rmSync(scratch, { recursive: true, force: true });
}
