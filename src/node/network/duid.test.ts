// Tests of what a DHCPv6 server knows the machine by.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machineDuid } from "./duid.ts";

let devices: string;
beforeEach(() => {
  devices = mkdtempSync(join(tmpdir(), "duid-"));
});
afterEach(() => rmSync(devices, { recursive: true }));

function device(name: string, address: string): void {
  mkdirSync(join(devices, name));
  writeFileSync(join(devices, name, "address"), `${address}\n`);
}

test("machineDuid is that of the first interface by name, whichever comes up first", () => {
  device("lo", "00:00:00:00:00:00");
  device("eth1", "52:54:00:4d:00:02");
  device("eth0", "52:54:00:4d:00:01");
  expect(machineDuid(devices)).toBe("00:03:00:01:52:54:00:4d:00:01");
});

test("machineDuid is none where no interface has a hardware address", () => {
  device("lo", "00:00:00:00:00:00");
  device("eth0", "80:00:02:08:fe:80");
  expect(machineDuid(devices)).toBe("00:03:00:01:80:00:02:08:fe:80");
  expect(machineDuid(join(devices, "lo"))).toBeUndefined();
});
