// Streams do not outlive the certificate that they were opened with.
import { expect, test } from "bun:test";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { issueCa, issueNode, issueUser, validFor } from "../pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../pki/keys.ts";
import { verifyPeer } from "../pki/verify.ts";
import { type Call, Code, connect, RpcError, serve, service } from "./rpc.ts";

const caKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
const key = generateKeyPair();
/** Certificates are good for so long after their end, as clocks differ. */
const TOLERANCE_MS = 3_600_000;
const LEFT_MS = 1_500;

/** What a stream of someone ends with, and when, whose certificate has so much time left. */
async function streamOf(certificate: Uint8Array) {
  const proof = { keyPem: privateKeyPem(key), certificatePem: certificatePem(certificate) };
  const nodeKey = generateKeyPair();
  const own = await issueNode(ca, nodeKey.publicKey, validFor(1));
  await using server = await serve({
    services: [
      service(Health, {
        watch: async function* (_, { signal }) {
          yield { status: 1 };
          await new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        },
      }),
    ],
    authorize: (call: Call) => {
      call.peer = verifyPeer(call.peerCertificates, ca.certificate);
    },
    listen: { host: "127.0.0.1", port: 0 },
    tls: { keyPem: privateKeyPem(nodeKey), certificatePem: certificatePem(own) },
  });
  using channel = connect({
    target: `127.0.0.1:${server.port}`,
    credentials: { ...proof, verify: () => {} },
  });
  const stream = channel.client(Health).watch({});
  let answers = 0;
  try {
    for await (const _ of stream) answers++;
  } catch (error) {
    if (error instanceof RpcError) return { answers, code: error.code };
    throw error;
  }
  return { answers, code: Code.ok };
}

test.each(["user", "node"] as const)("a stream of a %s ends with its certificate", async (kind) => {
  // Certificates count whole seconds.
  const end = Math.ceil((Date.now() + LEFT_MS) / 1_000) * 1_000;
  const notAfter = new Date(end - TOLERANCE_MS);
  const validity = { notBefore: new Date(end - 2 * TOLERANCE_MS), notAfter };
  const certificate =
    kind === "node"
      ? await issueNode(ca, key.publicKey, validity)
      : await issueUser(ca, key.publicKey, "owner", validity);
  expect(await streamOf(certificate)).toEqual({ answers: 1, code: Code.unauthenticated });
  expect(Date.now()).toBeGreaterThanOrEqual(end);
  expect(Date.now()).toBeLessThan(end + 3_000);
});
