// Tests of waiting for approval, against a cluster that takes its time.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Code, connect, RpcError, serve, service } from "../../base/rpc/rpc.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { awaitApproval } from "./approval.ts";

const certificate = new Uint8Array(3).fill(1);

/** A cluster that gives these answers in turn; the last one for ever. */
async function cluster(...answers: readonly (Code | "yes")[]) {
  const folder = mkdtempSync(join(tmpdir(), "node-approval-"));
  const socket = join(folder, "curator.sock");
  const keys: Uint8Array[] = [];
  const commitNode = async ({ clusterUnlockKey }: { clusterUnlockKey: Uint8Array }) => {
    const answer = answers[Math.min(keys.length, answers.length - 1)] ?? "yes";
    keys.push(clusterUnlockKey);
    if (answer !== "yes") throw new RpcError(answer, "not now");
    return { caCertificate: certificate, nodeCertificate: certificate };
  };
  const server = await serve({
    services: [service(Curator, { commitNode })],
    authorize: () => {},
    listen: { unix: socket },
  });
  const channel = connect({ target: `unix:${socket}`, credentials: "plain" });
  const tree = new LogTree();
  const isReached = new Value(false);
  return {
    keys,
    isReached,
    wait: () =>
      awaitApproval(channel, {
        request: { clusterUnlockKey: new Uint8Array(32).fill(4), storageSecurity: 3 },
        call: "metroctl approve metropolis-1 (fingerprint 0123-4567-89ab)",
        isReached,
        ...{ log: tree.logger("root"), signal: AbortSignal.timeout(5_000), periodMs: 5 },
      }),
    said: () => JSON.stringify(tree.read({ dn: "root", backlog: "all" }).backlog),
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await server.close(0);
      rmSync(folder, { recursive: true });
    },
  };
}

test("it asks until it is approved, through everything that passes, with the same key", async () => {
  const passing = [Code.permissionDenied, Code.unavailable, Code.permissionDenied] as const;
  await using asked = await cluster(...passing, "yes");
  expect((await asked.wait()).nodeCertificate).toEqual(Buffer.from(certificate));
  expect(asked.keys).toHaveLength(4);
  expect(new Set(asked.keys.map((key) => key.toHex())).size).toBe(1);
});

test("it says once how to approve it", async () => {
  await using asked = await cluster(Code.permissionDenied, Code.permissionDenied, "yes");
  await asked.wait();
  const text = "Waiting for approval: metroctl approve metropolis-1 (fingerprint 0123-4567-89ab)";
  expect(asked.said().split(text)).toHaveLength(2);
});

test("it gives up where waiting helps nothing", async () => {
  await using asked = await cluster(Code.failedPrecondition);
  await expect(asked.wait()).rejects.toMatchObject({ code: Code.failedPrecondition });
  expect(asked.keys).toHaveLength(1);
});

test.each([
  ["a refusal is an answer of the leader", Code.permissionDenied, true],
  ["silence is none", Code.unavailable, false],
])("it says whether the cluster is reached: %s", async (_, code, expected) => {
  await using asked = await cluster(code, code, "yes");
  asked.isReached.set(!expected);
  await asked.wait();
  expect(asked.isReached.current).toBe(expected);
});
