// A software TPM for tests: swtpm, the same program that the launcher's machines have.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, run, startChild } from "../process/process.ts";

/** A running software TPM. */
export interface SoftwareTpm extends AsyncDisposable {
  /** How tpm2-tools reach it. */
  readonly tcti: string;
  /** Folder for scratch files. */
  readonly scratch: string;
  /** Extends a PCR, as firmware does when it measures something. */
  extend(pcr: number): Promise<void>;
  /** Ends it as a power cut does: without a word to it. */
  cutPower(): Promise<void>;
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
    cutPower: () => end(child, scratch, "SIGKILL"),
    [Symbol.asyncDispose]: () => end(child, scratch, "SIGTERM"),
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
