// Tests of the key layout, which clusters made earlier depend on.
import { expect, test } from "bun:test";
import { KeyError, keys } from "./keys.ts";

test("keys are those of existing clusters", () => {
  expect([
    keys.node("metropolis-00"),
    keys.joinKey(new Uint8Array([0, 255])),
    keys.configuration,
    keys.initialOwner,
    keys.registerTicket,
    keys.certificate("cluster-ca"),
    keys.privateKey("cluster-ca"),
  ]).toEqual([
    "/nodes/metropolis-00",
    "/join_keys/00ff",
    "/cluster/configuration",
    "/global/initial_owner",
    "/global/register_ticket",
    "/cluster-pki/issued/cluster-ca-cert.der",
    "/cluster-pki/keys/cluster-ca-privkey.bin",
  ]);
});

test.each(["", "a/b", "/"])("keys.node refuses the name %p", (name) => {
  expect(() => keys.node(name)).toThrow(KeyError);
});
