// Machines that are processes, in real namespaces: the node agent of this work tree,
// which was told nothing and so waits for parameters. etcd is never started.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";
import { createCluster } from "./create.ts";
import type { Machine } from "./machine.ts";

const home = mkdtempSync(join(tmpdir(), "process-machine-"));
const before = process.env.XDG_STATE_HOME;
const timeoutMs = 30_000;
let cluster: Cluster;
let machine: Machine;

beforeAll(async () => {
  process.env.XDG_STATE_HOME = home;
  writeFileSync(join(home, "etcd"), "");
  cluster = await createCluster({
    name: "processes",
    programs: home,
    machines: [{}, {}],
    isBound: true,
  });
  machine = cluster.machine();
});

afterAll(async () => {
  await cluster.destroy();
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(home, { recursive: true });
});

afterEach(async () => {
  await machine.kill();
});

/** Switches it on and waits until the node agent has looked around. */
async function on(): Promise<void> {
  await machine.powerOn();
  await machine.console.waitFor(/there are no node parameters/, { timeoutMs });
}

test("createCluster wants etcd, and no firmware", async () => {
  const programs = join(home, "nowhere");
  const missing = createCluster({ name: "missing", programs, machines: [{}] });
  await expect(missing).rejects.toThrow("use etcd");
  expect(cluster.settings).toMatchObject({ accelerator: "process", programs: home });
});

test("a process machine goes on, and off at once", async () => {
  await on();
  expect(await machine.status()).toEqual({ number: 1, isOn: true, resets: 0 });
  await expect(machine.powerOn()).rejects.toThrow("machine 1 is already on");
  await machine.kill();
  expect((await machine.status()).isOn).toBe(false);
});

test("a process machine has its address, and hosts of its own", async () => {
  await on();
  // The agent's parts start beside each other, and any may be the last.
  await machine.console.waitFor(new RegExp(`Address is ${machine.address}`), { timeoutMs });
  const hosts = join(machine.files.directory, "ephemeral", "names", "hosts");
  while (!existsSync(hosts)) await Bun.sleep(20);
  expect(readFileSync(hosts, "utf8")).toContain("127.0.0.1 localhost");
});

test("a process machine starts again after a reset", async () => {
  await on();
  machine.console.skip();
  await machine.reset();
  await machine.console.waitFor(/there are no node parameters/, { timeoutMs });
});

test("a process machine ends when its power button is pressed", async () => {
  await on();
  await machine.powerOff(timeoutMs);
  expect(machine.console.text()).toContain("Stopping");
});

test("a process machine stands still while it is paused", async () => {
  await on();
  await machine.pause();
  await Bun.sleep(100);
  machine.console.skip();
  await Bun.sleep(1_500);
  expect(machine.console.text()).toBe("");
  await machine.resume();
  await machine.console.waitFor(/there are no node parameters/, { timeoutMs });
});

test("a process machine that is killed while it is paused is dead", async () => {
  await on();
  await machine.pause();
  await machine.kill();
  expect((await machine.status()).isOn).toBe(false);
});

test("a cable can be pulled and put back in", async () => {
  await on();
  await machine.unplug();
  await machine.plug();
});

test("a process machine that is off cannot be paused", async () => {
  await expect(machine.pause()).rejects.toThrow("machine 1 is off");
});

test("a process machine has no ports and no memory chips", async () => {
  await expect(machine.detachMedium()).rejects.toThrow("machine 1 is a process");
  await expect(machine.saveMemory("/nowhere")).rejects.toThrow("machine 1 is a process");
});

test("install makes a machine a new one", async () => {
  const { directory, parameters } = machine.files;
  writeFileSync(join(directory, "old"), "");
  machine.install(Uint8Array.of(1, 2, 3));
  expect(existsSync(join(directory, "old"))).toBe(false);
  expect([...readFileSync(parameters)]).toEqual([1, 2, 3]);
  expect(statSync(parameters).mode & 0o777).toBe(0o600);
});

test("a node agent that crashes is started again", async () => {
  // Field 15 with a length beyond the end.
  machine.install(Uint8Array.of(0x7a, 0x7f));
  await machine.powerOn({ environment: { METROPOLIS_ROLE: "nobody" } });
  // metroctl, which it then is, knows no such words and ends with an error, again and again.
  await machine.console.waitFor(/(--folder[\s\S]*){2}/, { timeoutMs });
  expect((await machine.status()).isOn).toBe(true);
});
