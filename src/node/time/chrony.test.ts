// The files that chrony reads.
import { expect, test } from "bun:test";
import { chronyConfiguration, chronySources } from "./chrony.ts";

test("chronySources prefers the servers that DHCP names", () => {
  expect(chronySources(["10.1.0.1", "fd00::1"])).toBe(
    "server 10.1.0.1 iburst minpoll 4\nserver fd00::1 iburst minpoll 4\n",
  );
});

test("chronySources falls back to a pool", () => {
  expect(chronySources([])).toMatch(/^pool \S+ iburst/);
});

test("chronyConfiguration opens no port to the network", () => {
  expect(chronyConfiguration(true)).toContain("cmdport 0");
  expect(chronyConfiguration(true)).not.toMatch(/^allow/m);
});

test("chronyConfiguration lets nobody on the wire move a clock far that can be right", () => {
  expect(chronyConfiguration(true)).toContain("\nmaxchange 86400 0 -1\n");
  expect(chronyConfiguration(false)).toContain("\nmaxchange 86400 1 -1\n");
});
