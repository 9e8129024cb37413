// chrony as the node runs it, with tiny shell scripts in the place of its programs.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { RELEASED } from "../../image/image.ts";
import { Troubles } from "../control/troubles.ts";
import { type ChronyPlaces, type TimeServers, time } from "./time.ts";

let folder = "";
let places: ChronyPlaces;
let network: Value<TimeServers>;
let ground: Value<unknown>;
let tree: LogTree;
let supervisor: Supervisor | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "chrony-"));
  const path = (name: string) => join(folder, name);
  places = {
    daemon: path("chronyd"),
    client: path("chronyc"),
    run: path("run"),
    state: path("lib"),
    sources: path("run/sources"),
    // Giving files away needs root; to oneself everybody may.
    ownerId: process.getuid?.() === 0 ? 101 : (process.getuid?.() ?? 0),
  };
  network = new Value<TimeServers>();
  ground = new Value<unknown>("mounted");
  tree = new LogTree();
});
afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
  rmSync(folder, { recursive: true });
});

/** A clock that can be right, and that nobody keeps. */
const clock = {
  now: () => RELEASED.getTime() + 86_400_000,
  set: () => {},
  isKept: () => false,
  uptime: () => 1_000,
};

const news = () => ({
  network,
  storage: { ground },
  membership: new Value<unknown>("member"),
  isClockKept: new Value<boolean>(),
  troubles: new Troubles(),
});

const esp = () => ({ clock: join(folder, "clock"), sealedConfiguration: join(folder, "sealed") });

async function script(path: string, ...lines: readonly string[]): Promise<void> {
  await writeFile(path, ["#!/bin/sh", ...lines, ""].join("\n"));
  chmodSync(path, 0o755);
}

/** Starts both programs; the client notes each of its calls in a file. */
async function start(...client: readonly string[]): Promise<void> {
  await script(places.daemon, 'echo "chronyd $*" >&2', "exec sleep 60");
  await script(places.client, ...client, `echo "$*" >>'${join(folder, "calls")}'`);
  supervisor = new Supervisor(time(news(), esp(), places, clock), { tree, rootDn: "time" });
  supervisor.start();
}

const sources = () => readFileSync(join(places.sources, "dhcp.sources"), "utf8");

function lines(): readonly string[] {
  const { backlog, stream } = tree.read({ dn: "time", backlog: "all" });
  stream.close();
  return backlog.map((entry) => (entry.kind === "raw" ? entry.text : entry.messages.join("\n")));
}

async function until(matches: () => boolean): Promise<void> {
  const limit = performance.now() + 10_000;
  while (!matches()) {
    if (performance.now() > limit) throw new Error(`in vain; the log: ${lines().join(" | ")}`);
    await Bun.sleep(5);
  }
}

const logged = (text: string) => () => lines().some((line) => line.includes(text));

test("time starts chronyd in the foreground, as its user, and logs its words as its own", async () => {
  await start();
  await until(logged("chronyd -d"));
  expect(lines()).toContain(`chronyd -d -U -u _chrony -f ${join(places.run, "chrony.conf")}`);
  expect(readFileSync(join(places.run, "chrony.conf"), "utf8")).toContain("makestep");
});

test("time makes folders that are chronyd's own and nobody else's", async () => {
  await start();
  await until(logged("chronyd -d"));
  for (const path of [places.run, places.state]) {
    expect(statSync(path).mode & 0o777).toBe(0o750);
    expect(statSync(path).uid).toBe(places.ownerId);
  }
});

test("time asks the public pool until the network names servers", async () => {
  await start();
  await until(logged("chronyd -d"));
  expect(sources()).toMatch(/^pool /);
  network.set({ timeServers: ["10.1.0.1"] });
  await until(logged("Time servers are 10.1.0.1"));
  expect(sources()).toBe("server 10.1.0.1 iburst minpoll 4\n");
  network.set({ timeServers: [] });
  await until(logged("Time servers are those of the public pool"));
  expect(sources()).toMatch(/^pool /);
});

test("time starts with the servers that are known already, without a reload", async () => {
  network.set({ timeServers: ["10.1.0.1"] });
  await start();
  await until(logged("chronyd -d"));
  expect(sources()).toBe("server 10.1.0.1 iburst minpoll 4\n");
  expect(existsSync(join(folder, "calls"))).toBe(false);
});

test("time leaves chronyd alone when other things about the network change", async () => {
  network.set({ timeServers: ["10.1.0.1"] });
  await start();
  await until(logged("chronyd -d"));
  for (let at = 0; at < 5; at++) {
    network.set({ timeServers: ["10.1.0.1"] });
    await Bun.sleep(5);
  }
  network.set({ timeServers: ["10.1.0.9"] });
  await until(logged("Time servers are 10.1.0.9"));
  const calls = readFileSync(join(folder, "calls"), "utf8").trimEnd().split("\n");
  expect(calls).toHaveLength(1);
  expect(calls[0]).toEndWith("-n reload sources");
});

test("time tells a chronyd that does not listen yet again", async () => {
  const marker = join(folder, "asked");
  await start(`if [ ! -e '${marker}' ]; then touch '${marker}'; exit 1; fi`);
  await until(logged("chronyd -d"));
  network.set({ timeServers: ["10.1.0.1"] });
  await until(logged("Time servers are 10.1.0.1"));
  expect(supervisor?.states().get("time")).toBe("HEALTHY");
});

test("time waits for the ESP, where it stands what the clock said, and then for nothing", async () => {
  ground = new Value<unknown>();
  await start();
  await Bun.sleep(50);
  expect(existsSync(places.run)).toBe(false);
  ground.set("mounted");
  await until(logged("chronyd -d"));
  const configuration = readFileSync(join(places.run, "chrony.conf"), "utf8");
  expect(configuration).toContain("maxchange 86400 0 -1");
});

test("time takes chronyd along when it ends", async () => {
  const file = join(folder, "pid");
  await start();
  await script(places.daemon, `echo $$ >'${file}'`, 'echo "up" >&2', "exec sleep 60");
  await until(() => logged("chronyd -d")() || logged("up")());
  await supervisor?.stop();
  supervisor = new Supervisor(time(news(), esp(), places, clock), { tree, rootDn: "time" });
  supervisor.start();
  await until(logged("up"));
  const pid = Number(readFileSync(file, "utf8"));
  await supervisor.stop();
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
});
