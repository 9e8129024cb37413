// Whose key owns the cluster. Every member follows it, so that a key that was replaced is
// refused everywhere at once, whatever its certificate says.
import { fromBinary } from "@bufbuild/protobuf";
import { applyUpdate, follow, type KeyValue, type Store } from "../../base/etcd/etcd.ts";
import type { Value } from "../../base/event/event.ts";
import { constantTimeEqual } from "../../base/pki/hkdf.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { InitialOwnerSchema } from "../../gen/metropolis/node/core/curator/proto/private/storage_pb.ts";
import { keys } from "./keys.ts";
import type { NodeCache } from "./node-cache.ts";

/** The identity that owns the cluster. */
export const OWNER = "owner";

/** Keeps `owner` at the public key of the owner; those who watch all nodes are woken for it. */
export function followOwner(store: Store, owner: Value<Uint8Array>, nodes: NodeCache): Runnable {
  return async ({ signal, healthy }) => {
    const items = new Map<string, KeyValue>();
    let isFirst = true;
    for await (const update of follow(store, keys.initialOwner, signal)) {
      applyUpdate(items, update);
      if (isFirst) healthy();
      isFirst = false;
      const item = items.get(keys.initialOwner);
      if (item === undefined) continue;
      const { publicKey } = fromBinary(InitialOwnerSchema, item.value);
      if (owner.current !== undefined && constantTimeEqual(owner.current, publicKey)) continue;
      owner.set(publicKey);
      nodes.wake();
    }
  };
}
