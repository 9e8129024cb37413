// A machine's buttons and waits, against a real control socket whose keeper is the test.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ControlServer, type Request, serveControl } from "./control.ts";
import type { MachineStatus } from "./hardware.ts";
import { Machine } from "./machine.ts";
import type { ClusterPaths } from "./paths.ts";

let folder = "";
let server: ControlServer;
let seen: Request[];
let state: MachineStatus;
let machine: Machine;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "machine-"));
  const path = (name: string) => join(folder, name);
  const paths: ClusterPaths = {
    directory: folder,
    runtime: path("run"),
    settings: path("cluster.json"),
    keeper: path("keeper.json"),
    log: path("keeper.log"),
    control: path("control"),
    socks: path("socks"),
  };
  seen = [];
  state = { number: 3, isOn: false, resets: 0 };
  const other = { number: 1, isOn: true, resets: 9 };
  server = await serveControl(paths.control, async (request) => {
    if (request.operation !== "status") seen.push(request);
    return [other, state];
  });
  machine = new Machine(paths, { number: 3, memoryMiB: 64, cpus: 1, hasTpm: false, fwCfg: {} });
  mkdirSync(dirname(machine.files.console), { recursive: true });
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const say = (text: string) => appendFileSync(machine.files.console, text);

test("Machine sends each of its buttons, with its own number", async () => {
  await machine.powerOn({ medium: "/m.img" });
  await machine.kill();
  await machine.reset();
  await machine.detachMedium();
  await machine.saveMemory("/memory");
  expect(seen).toEqual([
    { operation: "powerOn", machine: 3, medium: "/m.img" },
    { operation: "kill", machine: 3 },
    { operation: "reset", machine: 3 },
    { operation: "detachMedium", machine: 3 },
    { operation: "saveMemory", machine: 3, file: "/memory" },
  ]);
});

test("Machine.status is its own among all", async () => {
  state = { ...state, isOn: true, medium: "/m.img" };
  expect(await machine.status()).toEqual({ number: 3, isOn: true, resets: 0, medium: "/m.img" });
  state = { ...state, number: 4 };
  await expect(machine.status()).rejects.toThrow("there is no machine 3");
});

test("Machine.powerOn forgets what the console said in an earlier life", async () => {
  say("Kernel panic\n");
  await machine.powerOn();
  say("Booting\n");
  expect(machine.console.text()).toBe("Booting\n");
});

test("Machine.powerOff waits until it is off", async () => {
  state = { ...state, isOn: true };
  let isDone = false;
  const off = machine.powerOff(10_000).then(() => {
    isDone = true;
  });
  await Bun.sleep(120);
  expect(isDone).toBe(false);
  state = { ...state, isOn: false };
  await off;
  expect(seen).toEqual([{ operation: "powerOff", machine: 3 }]);
});

test("Machine.waitOff shows the console's last lines when it waited in vain", async () => {
  state = { ...state, isOn: true };
  for (let line = 1; line <= 20; line++) say(`\u001b[0mline ${line}\r\n`);
  const failure = await machine.waitOff(100).catch(String);
  expect(failure).toContain("machine 3 has not switched itself off in 0.1 s");
  expect(failure).toContain("\n  line 13\n");
  expect(failure).not.toContain("line 12\n");
  expect(failure).not.toContain("\u001b");
});

test("Machine.installFrom leaves the medium in until the installer says that it is done", async () => {
  const heard: string[] = [];
  const installing = machine.installFrom("/m.img", 10_000, (line) => heard.push(line));
  const isPulled = () => seen.some(({ operation }) => operation === "detachMedium");
  await Bun.sleep(60);
  say("Installing to /dev/vda...\r\nKernel panic - not syncing: emulated\r\n");
  await Bun.sleep(120);
  expect(isPulled()).toBe(false);
  say("Installing to /dev/vda...\r\n");
  say("Restarting; the installation media will need to be removed\r\n");
  await Bun.sleep(120);
  expect(isPulled()).toBe(true);
  say("[   33.179509] reboot: Restarting system\r\n");
  await installing;
  expect(heard).toEqual(["Installing to /dev/vda..."]);
});

test("Machine.installFrom gives the installer's reason", async () => {
  const installing = machine.installFrom("/m.img", 10_000).catch(String);
  await Bun.sleep(60);
  say("Metropolis installer\r\nInstallation failed: Secure Boot is off.\r\n");
  expect(await installing).toContain("install machine 3: Secure Boot is off.");
});

test("Machine gives the keeper's death as the reason", async () => {
  server.close();
  const failure = await machine.kill().catch(String);
  expect(failure).toContain("ask the keeper of the cluster: it is not running");
});
