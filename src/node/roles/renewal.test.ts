// Tests of renewing the node's certificate, with a curator that certifies it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { type Issuer, issueCa, issueNode, validFor } from "../../base/pki/certificate.ts";
import {
  certificateDer,
  certificatePem,
  generateKeyPair,
  privateKeyPem,
} from "../../base/pki/keys.ts";
import { nodeId } from "../../base/pki/node-id.ts";
import { isDue } from "../../base/pki/renewal.ts";
import { Code, RpcError, serve, service } from "../../base/rpc/rpc.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Curator, CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Credentials } from "../storage/credentials.ts";
import { paths } from "../storage/paths.ts";
import { connectByJoinKey } from "./connection.ts";
import { renewal } from "./renewal.ts";

const caKey = generateKeyPair();
const ca: Issuer = { keyPair: caKey, certificate: await issueCa(caKey) };
const keyPair = generateKeyPair();
const joinKey = generateKeyPair();

let folder = "";
let tree: LogTree;
beforeEach(() => {
  tree = new LogTree();
  folder = mkdtempSync(join(tmpdir(), "node-renewal-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function credentials(days: number, key = keyPair): Promise<Credentials> {
  const certificate = await issueNode(ca, key.publicKey, validFor(days));
  return { nodeId: nodeId(key.publicKey), keyPair: key, certificate, ca: ca.certificate };
}

/** A curator that leads and proves itself with `shown`; at first it does not answer. */
async function curator(shown: Credentials, given = () => credentials(730)) {
  let asked = 0;
  const place = { leaderNodeId: shown.nodeId, leaderHost: "127.0.0.1", leaderPort: 0 };
  const server = await serve({
    services: [
      service(CuratorLocal, {
        async *getCurrentLeader() {
          yield { ...place, thisNodeId: shown.nodeId };
        },
      }),
      service(Curator, {
        recertifyNode: async () => {
          asked++;
          if (asked === 1) throw new RpcError(Code.resourceExhausted, "busy");
          return { nodeCertificate: (await given()).certificate };
        },
      }),
    ],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
    tls: {
      keyPem: privateKeyPem(shown.keyPair),
      certificatePem: certificatePem(shown.certificate),
    },
  });
  place.leaderPort = server.port;
  const seed = { id: shown.nodeId, target: `127.0.0.1:${server.port}` };
  const known = () => ({ seeds: [seed], members: new Set([shown.nodeId]) });
  return {
    asked: () => asked,
    connect: (present: Credentials) => connectByJoinKey(joinKey, present, known),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

function renewing(
  membership: Value<Credentials>,
  connect: Parameters<typeof renewal>[0]["connect"],
  isRefused = new Value(false),
) {
  const options = { membership, paths: where(), connect, isRefused, lookMs: 10 };
  return testSupervisor(renewal(options), { tree });
}

const where = () => paths(folder).data.credentials;

async function logged(text: RegExp): Promise<void> {
  for (const end = within5s(); ; await sleep(5, end)) {
    const { backlog, stream } = tree.read({ dn: "root", backlog: "all" });
    stream.close();
    if (backlog.some((entry) => entry.kind === "leveled" && text.test(entry.messages.join())))
      return;
  }
}

const within5s = () => AbortSignal.timeout(5_000);

test.each([
  ["ends soon", 30],
  ["has ended", -400],
  ["was issued by a clock that was ten years ahead", 4_300],
])(
  "renewal replaces a certificate that %s, on the disk and for all who use it",
  async (_, days) => {
    const old = await credentials(days);
    const membership = new Value(old);
    // Its own curator: what that shows is the very certificate that is to be replaced.
    await using cluster = await curator(old);
    await using _supervisor = renewing(membership, cluster.connect);
    const next = await membership.first(within5s(), (each) => each !== old);
    expect(isDue(next.certificate)).toBe(false);
    const saved = certificateDer(readFileSync(where().certificate, "utf8"));
    expect(saved).toEqual(next.certificate);
    await sleep(50);
    expect(cluster.asked()).toBe(2);
  },
);

test("renewal asks for another one where the leader refuses a good one", async () => {
  const old = await credentials(700);
  const membership = new Value(old);
  const isRefused = new Value(false);
  await using cluster = await curator(old);
  await using _ = renewing(membership, cluster.connect, isRefused);
  await sleep(50);
  expect(cluster.asked()).toBe(0);
  isRefused.set(true);
  await membership.first(within5s(), (each) => each !== old);
});

test("another node's certificate that has ended is refused, and the warning names the clock", async () => {
  await using cluster = await curator(await credentials(-10, generateKeyPair()));
  await using _ = renewing(new Value(await credentials(-10)), cluster.connect);
  await logged(/Renewing the certificate: .*ended at .* and the clock here says/);
});

test("a certificate that the leader's clock finds good is asked for once, and both clocks named", async () => {
  const old = await credentials(-10);
  await using cluster = await curator(old, async () => old);
  await using _ = renewing(new Value(old), cluster.connect);
  await logged(/ended at .* and the clock here says/);
});
