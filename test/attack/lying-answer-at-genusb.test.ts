// Somebody answers an operator's metroctl in the leader's name, and lies: he wants the operator
// to carry his own CA, and with it his own cluster, to the machines that are installed next.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { issueCa } from "../../src/base/pki/certificate.ts";
import { certificatePem, generateKeyPair } from "../../src/base/pki/keys.ts";
import { fingerprint } from "../../src/base/pki/verify.ts";
import { NodeParametersSchema } from "../../src/gen/metropolis/proto/api/configuration_pb.ts";
import { contextFiles } from "../../src/metroctl/session/context.ts";
import { registerParameters } from "../../src/metroctl/session/node-parameters.ts";
import { TestControlPlane } from "../../src/metroctl/test-control-plane.ts";

const foreign = await issueCa(generateKeyPair());

let plane: TestControlPlane;
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
  plane.claimedCa = foreign;
});
afterEach(() => plane[Symbol.asyncDispose]());

const args = () => ({ config: plane.context.path, context: "default" });

/** What the medium of a further machine says. */
async function medium() {
  const { cluster } = fromBinary(NodeParametersSchema, await registerParameters(args()));
  if (cluster.case !== "clusterRegister") throw new TypeError("it registers nowhere");
  return cluster.value;
}

test("a medium carries the CA of the context, whatever the answer says", async () => {
  const { caCertificate } = await medium();
  expect(Buffer.compare(caCertificate, plane.ca)).toBe(0);
  expect(plane.context.read(contextFiles.ca)).toBe(certificatePem(plane.ca));
});

test("cluster show prints the CA of the context, whatever the answer says", async () => {
  const { stdout } = await plane.metroctl("cluster", "show");
  expect(stdout).toContain(fingerprint(plane.ca));
  expect(stdout).not.toContain(fingerprint(foreign));
});

test("a medium names only members, by their IDs", async () => {
  plane.directory.push({ id: "metropolis-nobody", addresses: [{ host: "192.0.2.66" }] });
  const { clusterDirectory } = await medium();
  expect(clusterDirectory?.nodes.map(({ id, consensusMember }) => [id, consensusMember])).toEqual([
    [plane.id, true],
  ]);
});
