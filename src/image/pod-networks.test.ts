// Tests of where pods have their addresses.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { podNetwork6, podNetworks } from "./pod-networks.ts";

test("podNetworks are those of both families, and each cluster's own of IPv6", () => {
  const [four = "", six = ""] = podNetworks(new Uint8Array(1));
  expect([four, six.slice(0, 2), six.slice(-5)]).toEqual(["10.192.0.0/11", "fd", "::/48"]);
  expect(podNetworks(new Uint8Array(2))[1]).not.toBe(six);
  expect(podNetwork6(new Uint8Array(1))).toEqual(podNetwork6(new Uint8Array(1)));
});

test("the network of pods stands in one place of the program", () => {
  const source = join(import.meta.dir, "..");
  const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter(
    (path) => path.endsWith(".ts") && !path.endsWith(".test.ts"),
  );
  const naming = files.filter((path) =>
    /10\.192\.0\.0|0x0ac0_?0000/.test(readFileSync(join(source, path), "utf8")),
  );
  expect(naming).toEqual(["image/pod-networks.ts"]);
});
