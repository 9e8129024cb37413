// Tests of waiting for approval, against a cluster that takes its time.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  return {
    keys,
    wait: () =>
      awaitApproval(channel, {
        request: { clusterUnlockKey: new Uint8Array(32).fill(4), storageSecurity: 3 },
        call: "metroctl approve metropolis-1 (fingerprint 0123-4567-89ab)",
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
