// Tests of renewing the node's certificate, with a cluster that certifies it.
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, Value } from "../../base/event/event.ts";
import { type Issuer, issueCa, issueNode, validFor } from "../../base/pki/certificate.ts";
import { certificateDer, generateKeyPair } from "../../base/pki/keys.ts";
import { Code, connect, RpcError, serve, service } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type Credentials, makeCredentials } from "../storage/credentials.ts";
import { paths } from "../storage/paths.ts";
import { isEnding, renewal } from "./renewal.ts";

const caKey = generateKeyPair();
const ca: Issuer = { keyPair: caKey, certificate: await issueCa(caKey) };
const keyPair = generateKeyPair();

async function credentials(days: number): Promise<Credentials> {
  const certificate = await issueNode(ca, keyPair.publicKey, validFor(days));
  return makeCredentials(keyPair, certificate, ca.certificate);
}

/** A cluster that certifies the node for two years; at first it has no leader. */
async function certifier(folder: string) {
  let asked = 0;
  const socket = join(folder, "curator.sock");
  const server = await serve({
    services: [
      service(Curator, {
        renewCertificate: async () => {
          asked++;
          if (asked === 1) throw new RpcError(Code.unavailable, "no leader");
          return { nodeCertificate: (await credentials(730)).certificate };
        },
      }),
    ],
    authorize: () => {},
    listen: { unix: socket },
  });
  const channel = connect({ target: `unix:${socket}`, credentials: "plain" });
  return {
    curator: channel.client(Curator),
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server.close(0);
    },
  };
}

test("isEnding is half a year before the end", async () => {
  expect(isEnding((await credentials(730)).certificate)).toBe(false);
  expect(isEnding((await credentials(179)).certificate)).toBe(true);
});

test("renewal replaces a certificate that ends, on the disk and for all who use it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "node-renewal-"));
  const where = paths(folder).data.credentials;
  const old = await credentials(30);
  const membership = new Value(old);
  await using cluster = await certifier(folder);
  await using _ = testSupervisor(renewal(cluster.curator, membership, where, 10));
  const next = await membership.first(AbortSignal.timeout(5_000), (each) => each !== old);
  expect(isEnding(next.certificate)).toBe(false);
  expect(certificateDer(readFileSync(where.certificate, "utf8"))).toEqual(next.certificate);
  await sleep(50);
  expect(cluster.asked()).toBe(2);
  rmSync(folder, { recursive: true });
});
