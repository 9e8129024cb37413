// `cluster start` where the network goes on and machines were switched off, as `node poweroff`
// leaves them. Machines are processes that were told nothing, which is enough to switch them.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "citty";
import { type Cluster, createCluster } from "../../launcher/launcher.ts";
import start from "./cluster/start.ts";

const home = mkdtempSync(join(tmpdir(), "cluster-start-"));
const before = process.env.XDG_STATE_HOME;
let cluster: Cluster;

beforeAll(async () => {
  process.env.XDG_STATE_HOME = home;
  writeFileSync(join(home, "etcd"), "");
  const machines = [{}, {}];
  cluster = await createCluster({ name: "some", programs: home, machines, isBound: true });
});

afterAll(async () => {
  await cluster.destroy();
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(home, { recursive: true });
});

const powered = async () => (await cluster.status()).map(({ isOn }) => isOn);
const again = () => runCommand(start, { rawArgs: ["some", `--config=${join(home, "config")}`] });

test("cluster start switches on what is off, and says when nothing is", async () => {
  await cluster.machine(1).powerOn();
  expect(await powered()).toEqual([true, false]);
  await again();
  expect(await powered()).toEqual([true, true]);
  await expect(again()).rejects.toThrow("cluster some runs already");
});
