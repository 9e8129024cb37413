// Tests of the way to one node.
import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { issueUser, validFor } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { NodeManagement, NodeSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { TestControlPlane } from "../test-control-plane.ts";
import type { Session } from "./leader.ts";
import { connectNode } from "./node-channel.ts";

/** Restarts the node of a control plane at these of its addresses. */
async function restart(plane: TestControlPlane, ...hosts: readonly string[]): Promise<void> {
  const key = generateKeyPair();
  const certificate = await issueUser(plane.issuer, key.publicKey, "owner", validFor(1));
  const credentials = { keyPem: privateKeyPem(key), certificatePem: certificatePem(certificate) };
  const session: Session = { credentials, ca: plane.ca, reach: { endpoints: [] } };
  const port = plane.endpoint.split(":").at(-1);
  const addresses = hosts.map((host) => `${host}:${port}`);
  const status = { externalAddress: addresses[0] ?? "", addresses };
  using channel = await connectNode(session, create(NodeSchema, { id: plane.id, status }));
  await channel.client(NodeManagement).reboot({});
}

test("connectNode takes the first address that answers", async () => {
  await using plane = await new TestControlPlane().start();
  await restart(plane, "127.0.0.1");
  // Nobody listens at the first; from the second nothing comes at all.
  await restart(plane, "127.0.0.9", "192.0.2.1", "127.0.0.1");
  await restart(plane, "127.0.0.1", "127.0.0.9");
  expect(plane.changes.map(({ method }) => method)).toEqual(["reboot", "reboot", "reboot"]);
});

test("connectNode says why where nobody answers, and where there is no address", async () => {
  await using plane = await new TestControlPlane().start();
  // Not `expect(…).rejects`: that waits inside the socket's own callback, which then gets no data.
  const failure = (...hosts: readonly string[]) => restart(plane, ...hosts).catch(String);
  expect(await failure("127.0.0.9", "127.0.0.8")).toContain("127.0.0.9");
  expect(await failure()).toContain("has not told its address");
});
