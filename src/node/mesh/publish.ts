// What the cluster is told of this node's part in the network: its key, and the networks that
// are reached through it.
import { sleep, Value } from "../../base/event/event.ts";
import { hostCidr } from "../../base/format/ip-prefix.ts";
import { type Client, Code, RpcError } from "../../base/rpc/rpc.ts";
import type { Context } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { together } from "../control/control.ts";

/** What the cluster says of this node. */
export interface Told {
  /** Where it is reached, best first; none where the cluster knows of no address. */
  readonly addresses: Value<readonly string[]>;
  /** The networks of its pods, as the leader has allotted them. */
  readonly podRanges: Value<readonly string[]>;
}

/** What is published, and to whom. */
export interface PublishOptions {
  readonly curator: Pick<Client<typeof Curator>, "updateNodeClusterNetworking">;
  /** The node's addresses, best first. */
  readonly addresses: Value<readonly string[]>;
  readonly told: Told;
}

const RETRY_MS = 1_000;

/** Tells the cluster the key, the addresses and the pod ranges, now and whenever they change. */
export async function publish(
  { curator, addresses, told }: PublishOptions,
  publicKey: string,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const parts = new Value("");
  const update = () => {
    const known = told.addresses.current ?? [];
    // With an address the cluster takes its network away as well: that is published anew.
    const own = known.filter((each) => addresses.current?.includes(each) === true).map(hostCidr);
    const next = own.length === 0 ? "" : [...own, ...(told.podRanges.current ?? [])].join();
    // What is published comes back as news.
    if (next !== parts.current) parts.set(next);
  };
  const follow = (source: Value<unknown>) => async (ended: AbortSignal) => {
    for await (const _ of source.watch(ended)) update();
  };
  const tell = async (ended: AbortSignal) => {
    for await (const text of parts.watch(ended)) {
      if (text === "") continue;
      const prefixes = text.split(",").map((cidr) => ({ cidr }));
      const clusternet = { wireguardPubkey: publicKey, prefixes };
      const isCurrent = () => parts.current === text;
      const call = () => curator.updateNodeClusterNetworking({ clusternet }, { signal: ended });
      await persist(call, isCurrent, { signal: ended, log });
    }
  };
  const sources = [addresses, told.addresses, told.podRanges];
  await together(signal, [...sources.map(follow), tell]);
}

/** The cluster refuses until the node's status has told it the same addresses. */
async function persist(
  call: () => Promise<unknown>,
  isCurrent: () => boolean,
  { signal, log }: Pick<Context, "signal" | "log">,
): Promise<void> {
  const passing: readonly Code[] = [
    Code.failedPrecondition,
    Code.invalidArgument,
    Code.alreadyExists,
    Code.resourceExhausted,
    Code.unavailable,
  ];
  for (let said = ""; isCurrent(); ) {
    try {
      await call();
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError) || !passing.includes(error.code)) throw error;
      if (error.message !== said)
        log.info(`The cluster does not take the key yet: ${error.message}`);
      said = error.message;
    }
    await sleep(RETRY_MS, signal);
  }
}
