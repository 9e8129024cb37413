// The status push: tells the cluster where this node is reached and what it runs.
import { create, equals, toBinary } from "@bufbuild/protobuf";
import { sleep, type Value } from "../../base/event/event.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { type NodeStatus, NodeStatusSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Version } from "../../gen/version/spec/spec_pb.ts";
import { together } from "../control/control.ts";
import { CURATOR_PORT } from "./settings.ts";

/** What a status is made of. */
export interface StatusFacts {
  /** Best first. */
  readonly addresses: readonly string[];
  readonly isCuratorOpen: boolean;
  readonly version: Version;
  /** As the kernel shows it, with hyphens. */
  readonly bootId: string;
  /** What is wrong with the machine, in sentences. */
  readonly troubles: readonly string[];
  /** Why etcd cannot run, while it cannot. */
  readonly failure?: string | undefined;
}

/** The status of a node; undefined while it has no address, without which there is none. */
export function nodeStatus(facts: StatusFacts): NodeStatus | undefined {
  const addresses = facts.addresses.slice(0, MOST_ADDRESSES);
  const [externalAddress] = addresses;
  if (externalAddress === undefined) return undefined;
  const status = create(NodeStatusSchema, {
    externalAddress,
    addresses,
    version: facts.version,
    isConsensusFailing: facts.failure !== undefined,
    bootId: Uint8Array.fromHex(facts.bootId.replaceAll("-", "")),
    ...(facts.isCuratorOpen ? { runningCurator: { port: CURATOR_PORT } } : {}),
  });
  const troubles = [...(facts.failure === undefined ? [] : [facts.failure]), ...facts.troubles];
  status.troubles = fitting(troubles, MOST_BYTES - toBinary(NodeStatusSchema, status).length);
  return status;
}

/** The cluster takes no more. */
const MOST_ADDRESSES = 8;
/** Nor a status that is longer: then it would not hear where the node is. */
const MOST_BYTES = 1_024;
/** What a sentence takes beside its text, tag and length. */
const FIELD_BYTES = 4;

/** As much of sentences as there is room for, the first ones first. */
function fitting(sentences: readonly string[], bytes: number): string[] {
  let left = bytes;
  return sentences.flatMap((sentence) => {
    left -= FIELD_BYTES;
    const text = beginning(sentence, left);
    left -= Buffer.byteLength(text);
    return text === "" ? [] : [text];
  });
}

/** The beginning of a text that has so many bytes at most, in whole characters. */
function beginning(text: string, bytes: number): string {
  const all = Buffer.from(text);
  if (all.length <= bytes) return text;
  // A character that is cut off would be a replacement character at the end.
  return new TextDecoder().decode(all.subarray(0, Math.max(0, bytes))).replace(/\ufffd$/, "");
}

/** Who has lost an address to somebody else asks for it again after so long, and ever later. */
const AGAIN_MS = 1_000;
const LATEST_MS = 60_000;

/**
 * Pushes each new status of the node to the cluster; again where the cluster, by `told`, has
 * other addresses than the node has told it.
 */
export function statusPush(
  curator: Client<typeof Curator>,
  nodeId: string,
  status: Value<NodeStatus | undefined>,
  told: Value<readonly string[]>,
): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    let pushed: NodeStatus | undefined;
    const push = async (next: NodeStatus) => {
      // Before it comes back as news. Where it fails all is begun anew.
      pushed = next;
      await curator.updateNodeStatus({ nodeId, status: next }, { signal });
      log.info(`This node is reached at ${next.addresses.join(", ")}`);
    };
    const follow = async (ended: AbortSignal) => {
      for await (const next of status.watch(ended)) {
        if (next === undefined) continue;
        if (pushed === undefined || !equals(NodeStatusSchema, pushed, next)) await push(next);
      }
    };
    const missing = () => {
      const known = told.current;
      if (pushed === undefined || known === undefined) return [];
      return pushed.addresses.filter((each) => !known.includes(each));
    };
    const repeat = async (ended: AbortSignal) => {
      for await (const _ of told.watch(ended)) {
        // What was pushed a moment ago may not have come back yet.
        for (let pauseMs = AGAIN_MS; missing().length > 0; pauseMs = later(pauseMs)) {
          await sleep(pauseMs, ended);
          const text = missing().join(", ");
          if (text === "" || pushed === undefined) break;
          log.info(`The cluster does not have ${text} as this node's yet`);
          await push(pushed);
        }
      }
    };
    await together(signal, [follow, repeat]);
  };
}

function later(pauseMs: number): number {
  return Math.min(2 * pauseMs, LATEST_MS);
}
