// The DHCP client as the node runs it, with a tiny shell script in dhcpcd's place: it says
// what dhcpcd says, calls the real hook as dhcpcd does, and waits for its end.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { type DhcpPlaces, dhcp } from "./dhcp.ts";
import { type NetworkStatus, noNetwork } from "./status.ts";

const main = join(import.meta.dir, "..", "..", "main.ts");
let folder = "";
let places: DhcpPlaces;
let status: Value<NetworkStatus>;
let tree: LogTree;
let supervisor: Supervisor | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dhcp-"));
  places = {
    program: join(folder, "dhcpcd"),
    configuration: join(folder, "dhcpcd.conf"),
    state: join(folder, "state"),
    resolvConf: join(folder, "resolv.conf"),
    hookSocket: join(folder, "run", "hook.sock"),
    devices: folder,
  };
  status = new Value<NetworkStatus>();
  tree = new LogTree();
});
afterEach(async () => {
  await supervisor?.stop();
  supervisor = undefined;
  rmSync(folder, { recursive: true });
});

/** A call of the hook, as dhcpcd makes it. */
function hook(variables: Readonly<Record<string, string>>): string {
  const given = { ...variables, METROPOLIS_ROLE: "dhcp-hook" };
  const words = Object.entries({ ...given, METROPOLIS_HOOK_SOCKET: places.hookSocket });
  const assignments = words.map(([name, value]) => `${name}='${value}'`).join(" ");
  return `${assignments} '${process.execPath}' '${main}'`;
}

/** Starts the client with a script as dhcpcd. */
function start(...script: readonly string[]): void {
  writeFileSync(places.program, ["#!/bin/sh", ...script, ""].join("\n"));
  chmodSync(places.program, 0o755);
  supervisor = new Supervisor(dhcp(status, places), { tree, rootDn: "dhcp" });
  supervisor.start();
}

function until(matches: (value: NetworkStatus) => boolean): Promise<NetworkStatus> {
  return status.first(AbortSignal.timeout(10_000), matches);
}

/** Whole messages of the log, raw and leveled. */
function logged(): readonly string[] {
  const { backlog, stream } = tree.read({ dn: "dhcp", withChildren: true, backlog: "all" });
  stream.close();
  return backlog.map((entry) => (entry.kind === "raw" ? entry.text : entry.messages.join("\n")));
}

async function untilLogged(text: string): Promise<void> {
  const limit = performance.now() + 10_000;
  while (!logged().some((line) => line.includes(text)) && performance.now() < limit)
    await Bun.sleep(5);
  expect(logged().join("\n")).toContain(text);
}

/** Sends bytes to the hook's socket, and waits until the node has closed or read them. */
async function send(bytes: string | Uint8Array): Promise<void> {
  const socket = createConnection({ path: places.hookSocket });
  socket.on("error", () => {});
  socket.end(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
}

const sleep = "exec sleep 60";
const bound = {
  reason: "BOUND",
  interface: "eth0",
  new_ip_address: "10.1.0.2",
  new_domain_name_servers: "10.1.0.1 10.1.0.3",
  new_ntp_servers: "10.1.0.1",
};

test("dhcp makes a status and resolv.conf of what dhcpcd tells its hook", async () => {
  start(hook(bound), sleep);
  expect(await until(({ addresses }) => addresses.length > 0)).toEqual({
    addresses: ["10.1.0.2"],
    nameservers: ["10.1.0.1", "10.1.0.3"],
    timeServers: ["10.1.0.1"],
  });
  expect(readFileSync(places.resolvConf, "utf8")).toBe(
    "nameserver 10.1.0.1\nnameserver 10.1.0.3\n",
  );
  await untilLogged("Address is 10.1.0.2, from eth0 ipv4");
});

test("dhcp logs the handbook's transitions, whoever noticed them first", async () => {
  const say = (text: string) => `echo "eth0: ${text}" >&2`;
  start(say("soliciting a DHCP lease"), say("offered 10.1.0.2 from 10.1.0.1"), hook(bound), sleep);
  await untilLogged("REQUESTING => BOUND");
  const transitions = logged().filter((line) => line.includes("=>"));
  expect(transitions).toEqual(["DISCOVERING => REQUESTING", "REQUESTING => BOUND"]);
  expect(logged()).toContain("eth0: offered 10.1.0.2 from 10.1.0.1");
});

test("dhcp keeps the address of DHCPv6 when a router speaks again", async () => {
  const router = { reason: "ROUTERADVERT", interface: "eth0", nd1_lifetime: "1800" };
  const six = { reason: "BOUND6", interface: "eth0", new_dhcp6_ia_na1_ia_addr1: "fd00::2" };
  const routed = { ...bound, new_routers: "10.1.0.1" };
  start(hook(router), hook(six), hook(router), hook(routed), sleep);
  await untilLogged("Address is 10.1.0.2 (then fd00::2), from eth0 ipv4");
  expect(logged().join("\n")).not.toContain("No address any more");
});

test("dhcp hands dhcpcd its configuration, and neither environment nor daemon mode", async () => {
  mkdirSync(join(folder, "eth0"));
  writeFileSync(join(folder, "eth0", "address"), "52:54:00:4d:00:01\n");
  start(`echo "args: $*" >&2`, `echo "env: $(env | cut -d= -f1 | sort | tr '\\n' ' ')" >&2`, sleep);
  await untilLogged("env: ");
  expect(logged()).toContain(`args: --nobackground --config ${places.configuration}`);
  expect(logged().find((line) => line.startsWith("env: "))).not.toMatch(/METROPOLIS|BUN|HOME/);
  const configuration = readFileSync(places.configuration, "utf8");
  expect(configuration).toContain("allowinterfaces en* eth*");
  expect(configuration).toContain("\nduid 00:03:00:01:52:54:00:4d:00:01\n");
  expect(configuration).toContain("script /usr/lib/metropolis/dhcp-hook");
});

test("dhcp knows no network any more when the lease expires", async () => {
  start(hook(bound), hook({ reason: "EXPIRE", interface: "eth0" }), sleep);
  await until(({ addresses }) => addresses.length > 0);
  await untilLogged("No address any more on eth0 ipv4");
  expect(await until(({ addresses }) => addresses.length === 0)).toEqual(noNetwork);
  expect(readFileSync(places.resolvConf, "utf8")).toBe("");
});

test("dhcp knows no network while dhcpcd is dead, and starts it again", async () => {
  const marker = join(folder, "second");
  start(
    `if [ -e '${marker}' ]; then exec sleep 60; fi`,
    `touch '${marker}'`,
    hook(bound),
    "sleep 0.1",
    "exit 3",
  );
  await until(({ addresses }) => addresses[0] === "10.1.0.2");
  expect(await until(({ addresses }) => addresses.length === 0)).toEqual(noNetwork);
});

test("dhcp takes the messages of hooks in the order in which they came", async () => {
  start(sleep);
  while (!existsSync(places.hookSocket)) await Bun.sleep(5);
  for (let last = 2; last < 30; last++)
    await send(JSON.stringify({ ...bound, reason: "RENEW", new_ip_address: `10.1.0.${last}` }));
  await until(({ addresses }) => addresses[0] === "10.1.0.29");
  await Bun.sleep(20);
  expect(status.current?.addresses).toEqual(["10.1.0.29"]);
});

test.each([
  ["no JSON", "not json"],
  ["nothing", ""],
  ["a list", "[1,2]"],
  ["null", "null"],
  ["half an object", '{"reason":"BOUND"'],
  ["text without end", `{"reason":"${"x".repeat(100_000)}`],
  ["an address that is none", JSON.stringify({ ...bound, new_ip_address: "10.1.0.2; rm -rf /" })],
  ["values that are no text", JSON.stringify({ ...bound, new_ip_address: { $: 1 } })],
  ["an interface from elsewhere", JSON.stringify({ ...bound, interface: "../../etc" })],
])("dhcp survives %s at its socket, and believes nothing of it", async (_, text) => {
  start(sleep);
  while (!existsSync(places.hookSocket)) await Bun.sleep(5);
  await send(text);
  await send(JSON.stringify({ ...bound, interface: "eth1", new_ip_address: "10.1.0.9" }));
  const { addresses } = await until((value) => value.addresses.length > 0);
  expect(addresses).toEqual(["10.1.0.9"]);
  expect(supervisor?.states().get("dhcp")).not.toBe("DEAD");
});

test("dhcp never writes anything but addresses into resolv.conf", async () => {
  start(sleep);
  while (!existsSync(places.hookSocket)) await Bun.sleep(5);
  const servers = fc.sample(fc.string({ maxLength: 40 }), 40);
  for (const text of ["10.1.0.1\nsearch evil.example", "1.1.1.1 options", ...servers]) {
    await send(JSON.stringify({ ...bound, new_domain_name_servers: text }));
  }
  await send(JSON.stringify({ ...bound, new_ip_address: "10.1.0.7" }));
  await until(({ addresses }) => addresses[0] === "10.1.0.7");
  expect(readFileSync(places.resolvConf, "utf8")).toMatch(/^(nameserver [0-9.]+\n)*$/);
});
