// Tests of the kernel's tables of routes.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultRoutes } from "./default-routes.ts";

test("defaultRoutes finds the interfaces that lead anywhere, of each family", () => {
  const folder = mkdtempSync(join(tmpdir(), "routes-"));
  const zero = "0".repeat(32);
  const net = "fd4d6574726f00000000000000000000";
  const gateway = "fe80000000000000106dd3fffe7ea4a0";
  writeFileSync(
    join(folder, "route"),
    [
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
      "eth1\t00000000\t0100010A\t0003\t0\t0\t1002\t00000000\t0\t0\t0",
      "eth0\t0000020A\t00000000\t0001\t0\t0\t1003\t00FFFFFF\t0\t0\t0",
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(folder, "ipv6_route"),
    [
      `${net} 40 ${zero} 00 ${zero} 000003ea 00000001 00000000 00000001     eth0`,
      `${zero} 00 ${zero} 00 ${gateway} 000003ea 00000001 00000000 00000003     eth2`,
      `${zero} 00 ${zero} 00 ${zero} ffffffff 00000001 00000000 00200200       lo`,
      "",
    ].join("\n"),
  );
  const { ipv4, ipv6 } = defaultRoutes(folder);
  expect([[...ipv4], [...ipv6]]).toEqual([["eth1"], ["eth2"]]);
  rmSync(folder, { recursive: true });
  expect(defaultRoutes(folder).ipv4.size).toBe(0);
  expect(defaultRoutes().ipv6.has("lo")).toBe(false);
});
