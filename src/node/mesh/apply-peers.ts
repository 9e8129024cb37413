// Makes the peers of the device those that are wanted. All at once where that works; where one
// of them makes the whole fail, one by one, so that it costs nobody else anything.
import { errorText } from "../../base/logtree/logtree.ts";
import type { MeshPeer } from "./peers.ts";

/** What changes the peers of a device. Sessions with those that stay go on. */
export interface PeerTools {
  /** Fails as a whole. */
  replaceAll(peers: readonly MeshPeer[]): Promise<void>;
  set(peer: MeshPeer): Promise<void>;
  remove(publicKey: string): Promise<void>;
  /** Their public keys. */
  present(): Promise<readonly string[]>;
}

/** Applies peers; gives, by node ID, why some could not be. Throws where the device is gone. */
export async function applyPeers(
  tools: PeerTools,
  peers: readonly MeshPeer[],
): Promise<ReadonlyMap<string, string>> {
  try {
    await tools.replaceAll(peers);
    return new Map();
  } catch {
    // Whose fault it is comes out below.
    return applySingly(tools, peers);
  }
}

async function applySingly(
  tools: PeerTools,
  peers: readonly MeshPeer[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = new Set(peers.map(({ publicKey }) => publicKey));
  const failed = new Map<string, string>();
  for (const key of await tools.present()) if (!wanted.has(key)) await tools.remove(key);
  for (const peer of peers) {
    try {
      await tools.set(peer);
    } catch (error) {
      failed.set(peer.id, errorText(error));
    }
  }
  return failed;
}
