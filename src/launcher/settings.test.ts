// A cluster's settings on disk, and addresses by a machine's number.
import { expect, test } from "bun:test";
import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClusterSettings,
  ip6Address,
  ipAddress,
  MAX_MACHINES,
  macAddress,
  readSettings,
  writeSettings,
} from "./settings.ts";

const settings: ClusterSettings = {
  format: 1,
  name: "demo",
  created: "2026-01-02T03:04:05.000Z",
  accelerator: "tcg",
  firmware: "/out/OVMF_CODE.fd",
  machines: [{ number: 1, memoryMiB: 2048, cpus: 2, hasTpm: true, fwCfg: {} }],
};

function newFile(): string {
  return join(mkdtempSync(join(tmpdir(), "settings-")), "cluster.json");
}

test("readSettings gives back what writeSettings wrote, for its owner only", () => {
  const file = newFile();
  writeSettings(file, settings);
  expect(readSettings(file)).toEqual(settings);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("writeSettings never replaces a cluster", () => {
  const file = newFile();
  writeSettings(file, settings);
  expect(() => writeSettings(file, settings)).toThrow("EEXIST");
});

test.each(['{"format":2,"name":"a","machines":[]}', "[]", "null", '{"format":1}', "", '{"form'])(
  "readSettings refuses %s",
  (text) => {
    const file = newFile();
    writeFileSync(file, text);
    expect(() => readSettings(file)).toThrow("not the settings of a cluster");
  },
);

test("addresses follow the machine's number", () => {
  expect([macAddress(1), ipAddress(1), ip6Address(1)]).toEqual([
    "52:54:00:4d:00:01",
    "10.1.0.2",
    "fd4d:6574:726f::2",
  ]);
});

test("addresses of all machines differ", () => {
  const numbers = Array.from({ length: MAX_MACHINES }, (_, index) => index + 1);
  for (const address of [macAddress, ipAddress, ip6Address]) {
    expect(new Set(numbers.map(address)).size).toBe(MAX_MACHINES);
  }
});
