// A cluster that was off for years: every certificate of its nodes has ended when it is switched
// on again, that of whoever leads it as well, so that nobody can prove himself to anybody.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { certificateDer } from "../../src/base/pki/keys.ts";
import { isDue } from "../../src/base/pki/renewal.ts";
import { isInTime } from "../../src/base/pki/verify.ts";
import { environment, run } from "../../src/base/process/process.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { inside } from "./inside.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

const MACHINES = [1, 2, 3];

let cluster: ProcessCluster;
beforeAll(async () => {
  cluster = await processCluster({ name: "ended", nodes: MACHINES.length });
  await cluster.voters(MACHINES.length);
});
afterAll(async () => cluster?.[Symbol.asyncDispose]());

const files = (machine: number) => cluster.machine(machine).files.directory;
const certificateFile = (machine: number) => paths(files(machine)).data.credentials.certificate;
const certificateOn = (machine: number) =>
  certificateDer(readFileSync(certificateFile(machine), "utf8"));

/** Ends all certificates of nodes, in the cluster's memory and on the disks; all machines are off then. */
async function endAll(): Promise<void> {
  const nodes = await Promise.all(MACHINES.map((machine) => cluster.nodeOn(machine)));
  const [first] = nodes;
  const keys = nodes.map(({ pubkey }) => pubkey.toHex());
  const argv = inside(
    cluster.machine(1),
    "end-certificates.ts",
    files(1),
    first?.id ?? "",
    ...keys,
  );
  const ended: Record<string, string> = JSON.parse((await run(argv, { env: environment() })).text);
  await cluster.kill(...MACHINES);
  for (const [index, { id }] of nodes.entries()) {
    writeFileSync(certificateFile(MACHINES[index] ?? 0), ended[id] ?? "");
  }
}

test("a cluster whose certificates have all ended comes back without help", async () => {
  await endAll();
  expect(MACHINES.map((machine) => isInTime(certificateOn(machine)))).toEqual([
    false,
    false,
    false,
  ]);
  await cluster.powerOn(...MACHINES);
  await cluster.voters(MACHINES.length);
  await settle("certificates that hold", PATIENCE_MS, () =>
    MACHINES.every((machine) => !isDue(certificateOn(machine))),
  );
  await cluster.write("after years");
});
