// Tests of telling nodes where the others are.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { serve, service } from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { ContextFolder } from "./context.ts";
import { introduceNodes, learnSightings } from "./introduce.ts";
import { RECOVERY_PORT } from "./recover.ts";

const key = generateKeyPair();
const identity = {
  keyPem: privateKeyPem(key),
  certificatePem: certificatePem(await selfSigned(key)),
};

test("introduceNodes takes an IPv6 address as it is, not its end for a port", async () => {
  const server = await serve({
    services: [service(Recovery, { introduce: async () => ({ nodeId: "metropolis-1" }) })],
    authorize: () => {},
    listen: { host: "127.77.0.1", port: RECOVERY_PORT },
    tls: identity,
  });
  // The same address, for want of one of IPv6 that is this test's alone.
  const address = "::ffff:7f4d:1";
  const sightings = await introduceNodes({ credentials: identity, proxy: undefined }, [address]);
  await server.close(0);
  expect(sightings).toEqual([{ nodeId: "metropolis-1", address }]);
});

test("learnSightings puts where a member is now in the place of all that it had", () => {
  const folder = mkdtempSync(join(tmpdir(), "introduce-"));
  const context = new ContextFolder(folder, "demo");
  const known = (id: string, ...hosts: readonly string[]) => hosts.map((host) => ({ id, host }));
  const [a, b] = ["a", "b"].map((digit) => `metropolis-${digit.repeat(32)}`) as [string, string];
  const members = [...known(a, "10.1.0.2", "fd00::2"), ...known(b, "10.1.0.3")];
  context.saveReach({ endpoints: ["10.1.0.2"], members });
  learnSightings(context, [{ nodeId: a, address: "fd00::7" }]);
  const reach = context.reach();
  rmSync(folder, { recursive: true });
  expect(reach.members).toEqual([...known(a, "fd00::7"), ...known(b, "10.1.0.3")]);
  expect(reach.endpoints).toEqual(["fd00::7", "10.1.0.2"]);
});
