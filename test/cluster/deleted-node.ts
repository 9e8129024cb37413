// A node that was deleted, as the members meet it: somebody with certificates that are still
// in date, and with connections that were opened in better days.
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { certificatePem, privateKeyPem } from "../../src/base/pki/keys.ts";
import { verifyNode } from "../../src/base/pki/verify.ts";
import { environment, startChild } from "../../src/base/process/process.ts";
import { type Channel, Code, connect, RpcError } from "../../src/base/rpc/rpc.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { Machine } from "../../src/launcher/launcher.ts";
import { CURATOR_PORT } from "../../src/node/roles/settings.ts";
import { loadCredentials } from "../../src/node/storage/credentials.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { inside } from "./inside.ts";
import type { ProcessCluster } from "./process-cluster.ts";
import { settle } from "./support.ts";

/** What a node may keep open on the leader; it goes on until somebody ends it. */
export interface OpenStream extends Disposable {
  /** When the leader ended it, by `performance.now()`, and with what. */
  readonly ended: Promise<{ readonly at: number; readonly code: Code }>;
  /** What comes of another call over the same connection. */
  again(): Promise<Code>;
}

/** Opens a stream to the leader with the credentials that lie on a node's disk. */
export async function streamOf(
  { cluster }: ProcessCluster,
  node: Machine,
  leader: Machine,
): Promise<OpenStream> {
  const own = await loadCredentials(paths(node.files.directory).data.credentials);
  const channel = connect({
    target: `${leader.address}:${CURATOR_PORT}`,
    proxy: cluster.proxy,
    credentials: {
      keyPem: privateKeyPem(own.keyPair),
      certificatePem: certificatePem(own.certificate),
      verify: (der) => void verifyNode(der, own.ca),
    },
  });
  const open = await firstAnswer(channel, own.nodeId);
  return {
    ended: codeOf(open).then((code) => ({ at: performance.now(), code })),
    again: () => firstAnswer(channel, own.nodeId).then(() => Code.ok, refusal),
    [Symbol.dispose]: () => channel.close(),
  };
}

/** The rest of a stream whose first answer has come. */
async function firstAnswer(channel: Channel, nodeId: string): Promise<AsyncIterator<unknown>> {
  const request = { kind: { case: "nodeInCluster", value: { nodeId } } } as const;
  const answers = channel.client(Curator).watch(request)[Symbol.asyncIterator]();
  await answers.next();
  return answers;
}

/** What a stream ends with. */
async function codeOf(answers: AsyncIterator<unknown>): Promise<Code> {
  try {
    while (!(await answers.next()).done);
    return Code.ok;
  } catch (error) {
    return refusal(error);
  }
}

function refusal(error: unknown): Code {
  if (error instanceof RpcError) return error.code;
  throw error;
}

/** A guest in the etcd of a member. */
export interface Guest extends Disposable {
  /** Waits until it has said so many words; gives them. */
  said(words: number, limitMs: number): Promise<readonly string[]>;
}

/** Whose certificates etcd must not accept, as each member of the first three has it on its disk. */
export function revoked(cluster: ProcessCluster): readonly string[] {
  return [1, 2, 3].map((number) => {
    const { directory } = cluster.machine(number).files;
    return readFileSync(paths(directory).data.etcdRevocations).toHex();
  });
}

/** Sends a guest with the certificate that lies on a node's disk; see etcd-guest.ts. */
export function guestOf({ home }: ProcessCluster, node: Machine, member: Machine): Guest {
  const log = join(home, `guest-${member.number}.log`);
  openSync(log, "w");
  const argv = inside(node, "etcd-guest.ts", node.files.directory, member.address);
  const child = startChild(argv, { env: environment(), log });
  const words = () => readFileSync(log, "utf8").split("\n").slice(0, -1);
  return {
    said: async (count, limitMs) => {
      await settle(`${count} words of a guest`, limitMs, () => words().length >= count);
      return words();
    },
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}
