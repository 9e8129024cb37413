// Whole clusters with real namespaces and a real QEMU, whose firmware is a page of
// zeros: machines that are on and do nothing, which is enough to switch them.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Cluster,
  destroyCluster,
  listClusters,
  openCluster,
  startCluster,
} from "./cluster.ts";
import { type ClusterOptions, createCluster } from "./create.ts";
import { readKeeperState } from "./keeper.ts";
import { clusterPaths } from "./paths.ts";

const home = mkdtempSync(join(tmpdir(), "clusters-"));
const out = join(home, "out");
const before = process.env.XDG_STATE_HOME;
let cluster: Cluster;

/** Processes whose command line names our folder: the keeper and all it started. */
function processes(): number {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandLine(pid).includes(home)).length;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

async function untilNoProcesses(): Promise<void> {
  while (processes() > 0) await Bun.sleep(20);
}

function make(name: string, options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const machines = [{ disk: "64M", memory: "64M", cpus: 1, tpm: false }];
  return createCluster({ name, out, accelerator: "tcg", isBound: true, machines, ...options });
}

beforeAll(async () => {
  process.env.XDG_STATE_HOME = home;
  writeFileSync(join(home, "empty"), "");
  await Bun.write(join(out, "OVMF_CODE.fd"), new Uint8Array(2 ** 20));
  await Bun.write(join(out, "OVMF_VARS.fd"), new Uint8Array(2 ** 18));
  cluster = await make("first");
});

afterAll(async () => {
  await cluster.destroy();
  if (before === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = before;
  rmSync(home, { recursive: true });
});

test("createCluster makes machines that are off", async () => {
  expect(await cluster.status()).toEqual([{ number: 1, isOn: false, resets: 0 }]);
  expect(cluster.machine().address).toBe("10.1.0.2");
});

test("Machine goes on and off at once", async () => {
  const machine = cluster.machine();
  await machine.powerOn();
  expect(await machine.status()).toMatchObject({ isOn: true });
  await expect(machine.powerOn()).rejects.toThrow("machine 1 is already on");
  await machine.kill();
  expect(await machine.status()).toMatchObject({ isOn: false });
});

test("Machine cannot be reset while it is off", async () => {
  await expect(cluster.machine().reset()).rejects.toThrow("machine 1 is off");
});

test("Machine gives away its memory, all of it", async () => {
  const machine = cluster.machine();
  await machine.powerOn();
  const file = join(home, "memory");
  await machine.saveMemory(file);
  expect(Bun.file(file).size).toBe(64 * 2 ** 20);
  await machine.kill();
});

test("Machine has its medium until that is pulled out", async () => {
  const machine = cluster.machine();
  const medium = join(out, "OVMF_CODE.fd");
  await machine.powerOn({ medium });
  expect(await machine.status()).toMatchObject({ medium });
  await machine.detachMedium();
  expect((await machine.status()).medium).toBeUndefined();
  await machine.kill();
});

test("Machine names QEMU's reason when it does not start", async () => {
  const powerOn = cluster.machine().powerOn({ medium: join(home, "missing.img") });
  await expect(powerOn).rejects.toThrow(/switch on machine 1: .*missing\.img/);
});

test("openCluster and listClusters find it again", async () => {
  const [only] = await listClusters();
  expect(only).toMatchObject({ name: "first", proxy: cluster.proxy });
  expect((await openCluster("first")).proxy).toBe(cluster.proxy);
});

test.each([
  ["openCluster", () => openCluster("nowhere")],
  ["startCluster", () => startCluster("nowhere")],
  ["destroyCluster", () => destroyCluster("nowhere")],
])("%s knows which clusters there are", async (_, work) => {
  await expect(work()).rejects.toThrow("there is no cluster nowhere");
});

test("createCluster refuses a name that is taken", async () => {
  await expect(make("first")).rejects.toThrow("a cluster of this name exists");
  expect(await cluster.status()).toHaveLength(1);
});

test("createCluster says what is missing, and leaves nothing behind", async () => {
  const missing = make("second", { out: join(home, "nothing") });
  await expect(missing).rejects.toThrow("run the build first");
  expect(existsSync(clusterPaths("second").directory)).toBe(false);
});

test("startCluster goes on with the same disks, under the same proxy", async () => {
  await using second = await make("second");
  writeFileSync(second.machine().files.disk, "content");
  await second.stop();
  await expect(openCluster("second")).rejects.toThrow("cluster second is stopped");
  const again = await startCluster("second", true);
  expect(again.proxy).toBe(second.proxy);
  expect(readFileSync(again.machine().files.disk, "utf8")).toBe("content");
  await again.stop();
});

test("createCluster copies a prepared machine", async () => {
  const copyOf = cluster.machine().files.directory;
  await using copy = await make("copy", { machines: [{ copyOf, memory: "64M", tpm: false }] });
  expect(existsSync(copy.machine().files.disk)).toBe(true);
  await copy.machine().powerOn();
  expect(await copy.status()).toMatchObject([{ isOn: true }]);
});

test("destroyCluster leaves neither processes nor files", async () => {
  const others = processes();
  const second = await make("second");
  await second.machine().powerOn();
  const { directory, runtime } = clusterPaths("second");
  await destroyCluster("second");
  expect([existsSync(directory), existsSync(runtime)]).toEqual([false, false]);
  expect(processes()).toBe(others);
});

test("a keeper that is killed takes everything along", async () => {
  await cluster.machine().powerOn();
  const { pid = 0 } = readKeeperState(clusterPaths("first")) ?? {};
  process.kill(pid, "SIGKILL");
  await untilNoProcesses();
  expect((await listClusters())[0]?.machines).toBeUndefined();
  cluster = await startCluster("first", true);
});

test("a bound cluster ends with the process that made it", async () => {
  const script = `
    import { createCluster } from ${JSON.stringify(join(import.meta.dir, "create.ts"))};
    const machines = [{ disk: "64M", memory: "64M", cpus: 1, tpm: false }];
    const options = { out: ${JSON.stringify(out)}, accelerator: "tcg", isBound: true };
    const cluster = await createCluster({ name: "bound", machines, ...options });
    await cluster.machine().powerOn();
    process.kill(process.pid, "SIGKILL");`;
  const others = processes();
  const maker = Bun.spawn([process.execPath, "-e", script], { env: process.env });
  await maker.exited;
  while (processes() > others) await Bun.sleep(20);
  await destroyCluster("bound");
});

test("a released cluster does not", async () => {
  const script = `
    import { createCluster } from ${JSON.stringify(join(import.meta.dir, "create.ts"))};
    const machines = [{ disk: "64M", memory: "64M", cpus: 1, tpm: false }];
    const options = { out: ${JSON.stringify(out)}, accelerator: "tcg", isBound: true };
    const cluster = await createCluster({ name: "released", machines, ...options });
    await cluster.release();
    process.exit(0);`;
  await Bun.spawn([process.execPath, "-e", script], { env: process.env }).exited;
  await Bun.sleep(200);
  const released = await openCluster("released");
  expect(await released.status()).toHaveLength(1);
  await released.destroy();
});
