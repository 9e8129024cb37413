// The network's commands, and that they work in a namespace of their own.
import { expect, test } from "bun:test";
import { run } from "../base/process/process.ts";
import {
  bridgeCommands,
  cableCommands,
  cableProgram,
  dnsmasqProgram,
  linkCommand,
  removeCableCommand,
  sideBridgeCommands,
  sideCableCommands,
  sideCableProgram,
} from "./network.ts";
import { programPath } from "./packages.ts";
import { machinePaths, pathsOf } from "./paths.ts";

const paths = pathsOf("/c/demo", { XDG_RUNTIME_DIR: "/run/user/7" });
const machines = [1, 2].map((number) => ({
  number,
  memoryMiB: 1024,
  cpus: 1,
  hasTpm: false,
  fwCfg: {},
}));

/** Runs commands and then `last` in fresh namespaces, and gives the last one's output. */
async function inNamespace(commands: readonly (readonly string[])[], last: string) {
  const quiet = commands.map((words) => `${words.join(" ")} >/dev/null`);
  const script = [...quiet, last].join(" && ");
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const { text } = await run(["unshare", ...user, "--net", "sh", "-ec", script], {
    env: { PATH: programPath },
  });
  return text;
}

test("bridgeCommands and cableCommands make a network", async () => {
  const commands = [...bridgeCommands(), ...cableCommands(1), ...cableCommands(2)];
  const text = await inNamespace(commands, "ip -json addr");
  const links: unknown = JSON.parse(text);
  const names = Array.isArray(links) ? links.map(({ ifname }) => ifname) : [];
  expect(names.sort()).toEqual(["br0", "c1", "c2", "lo", "m1", "m2"]);
  expect(text).toContain('"local":"10.1.0.1"');
  expect(text).toContain('"local":"fd4d:6574:726f::1"');
});

test("cableCommands leave no frame to be mended by hardware", async () => {
  const commands = [...bridgeCommands(), ...cableCommands(1)];
  const text = await inNamespace(commands, "ethtool --show-offload c1");
  expect(text).toContain("tx-checksumming: off");
  expect(text).toContain("generic-segmentation-offload: off");
});

test("cableCommands keep the cable's ends without addresses of their own", async () => {
  const commands = [...bridgeCommands(), ...cableCommands(1)];
  const text = await inNamespace(commands, "ip -6 addr show dev c1");
  expect(text).toBe("");
});

test("cableProgram joins QEMU's socket with the cable", () => {
  const command = cableProgram(1, machinePaths(paths, 1));
  expect(command.at(-1)).toBe("INTERFACE:c1");
  expect(command.at(-2)).toMatch(/^UNIX-SENDTO:.*\/1\.net,bind=.*\/1\.cable$/);
});

test("dnsmasqProgram reserves an address for each machine", () => {
  const command = dnsmasqProgram(paths, machines);
  expect(command).toContain("--dhcp-host=52:54:00:4d:00:02,set:four,10.1.0.3,[fd4d:6574:726f::3]");
  expect(command).toContain("--dhcp-option=option:ntp-server,10.1.0.1");
});

const plugged = { hasIpv4: false, hasIpv6: true, hasSideCard: true };
const unusual = machines.map((machine) => ({ ...machine, network: plugged }));

test("dnsmasqProgram gives no IPv4 to who shall have none, and no router to the side network", () => {
  const command = dnsmasqProgram(paths, unusual);
  expect(command).toContain("--dhcp-host=52:54:00:4d:00:02,[fd4d:6574:726f::3]");
  expect(command).toContain("--dhcp-range=tag:four,10.1.0.2,10.1.0.250,255.255.255.0,1h");
  expect(command).toContain("--dhcp-option=tag:side,option:router");
  expect(dnsmasqProgram(paths, machines)).not.toContain("--interface=br1");
});

test("sideCableCommands and sideCableProgram make a second network, apart from the first", async () => {
  const commands = [...sideBridgeCommands(), ...sideCableCommands(2)];
  const text = await inNamespace(commands, "ip link show master br1");
  expect(text).toContain("n2@d2");
  expect(sideCableProgram(2, machinePaths(paths, 2)).at(-1)).toBe("INTERFACE:d2");
});

test.each([[machines], [unusual]])("dnsmasqProgram is understood by dnsmasq", async (all) => {
  const { stderr } = await run([...dnsmasqProgram(paths, all), "--test"], {
    env: { PATH: programPath },
  });
  expect(stderr).toContain("syntax check OK");
});

test("bridgeCommands leave frames alone that nobody copies", () => {
  expect(bridgeCommands(false).flat()).not.toContain("ethtool");
  expect(bridgeCommands().flat()).toContain("ethtool");
});

test("linkCommand pulls a cable out of the bridge, and puts it in again", async () => {
  const commands = [...bridgeCommands(), ...cableCommands(1), linkCommand(1, false)];
  expect(await inNamespace(commands, "ip link show master br0")).toBe("");
  const back = [...commands, linkCommand(1, true)];
  expect(await inNamespace(back, "ip link show master br0")).toContain("m1@c1");
});

test("removeCableCommand removes both ends of a cable", async () => {
  const commands = [...bridgeCommands(), ...cableCommands(1), removeCableCommand(1)];
  expect(await inNamespace(commands, "ip -brief link")).not.toMatch(/^[mc]1/m);
});
