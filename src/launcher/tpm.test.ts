// A TPM from the factory, and swtpm playing it.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild } from "../base/process/process.ts";
import { programPath } from "./packages.ts";
import { machinePaths, makePrivateDirectory, pathsOf } from "./paths.ts";
import { manufactureTpm, tpmProgram } from "./tpm.ts";

async function newTpm() {
  const folder = mkdtempSync(join(tmpdir(), "tpm-"));
  const cluster = pathsOf(folder, { TMPDIR: folder, XDG_RUNTIME_DIR: folder });
  makePrivateDirectory(cluster.runtime);
  const paths = machinePaths(cluster, 1);
  makePrivateDirectory(paths.directory);
  await manufactureTpm(paths);
  return paths;
}

test("manufactureTpm makes a TPM once, for its owner only", async () => {
  const paths = await newTpm();
  const state = readdirSync(paths.tpm).filter((name) => name.startsWith("tpm2"));
  expect(state).toHaveLength(1);
  expect(statSync(paths.tpm).mode & 0o777).toBe(0o700);
  const before = statSync(join(paths.tpm, state[0] ?? "")).mtimeMs;
  await manufactureTpm(paths);
  expect(statSync(join(paths.tpm, state[0] ?? "")).mtimeMs).toBe(before);
});

test("tpmProgram listens until it is told to end", async () => {
  const paths = await newTpm();
  const swtpm = startChild(tpmProgram(paths), { env: { PATH: programPath } });
  while (!existsSync(paths.tpmSocket)) await Bun.sleep(20);
  const socket = createConnection({ path: paths.tpmSocket });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.destroy();
  swtpm.kill("SIGTERM");
  await swtpm.exited;
  expect(swtpm.isAlive()).toBe(false);
});
