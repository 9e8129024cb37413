// Peers for tests, and a device that treats them as WireGuard does.
import type { PeerTools } from "./apply-peers.ts";
import type { MeshPeer } from "./peers.ts";

/** The WireGuard key of a number. */
export function wireguardKey(number: number): string {
  return Buffer.alloc(32, number).toString("base64");
}

/** A peer whose key, address and networks come of its number. */
export function meshPeer(id: string, number: number): MeshPeer {
  const address = `192.0.2.${number}`;
  const podRanges = [`10.192.${number}.0/24`];
  const prefixes = [`${address}/32`, ...podRanges];
  return { id, publicKey: wireguardKey(number), addresses: [address], prefixes, podRanges };
}

/** A device in memory. Like wg(8) it takes a whole configuration or nothing of it. */
export class TestDevice implements PeerTools {
  readonly peers = new Map<string, MeshPeer>();
  /** IDs of peers that it cannot take, for a reason that nobody foresaw. */
  readonly indigestible = new Set<string>();
  /** The device was taken away. */
  isGone = false;

  async replaceAll(peers: readonly MeshPeer[]): Promise<void> {
    for (const peer of peers) this.#check(peer);
    this.#use();
    this.peers.clear();
    for (const peer of peers) this.peers.set(peer.publicKey, peer);
  }

  async set(peer: MeshPeer): Promise<void> {
    this.#use();
    this.#check(peer);
    this.peers.set(peer.publicKey, peer);
  }

  async remove(publicKey: string): Promise<void> {
    this.#use();
    this.peers.delete(publicKey);
  }

  async present(): Promise<readonly string[]> {
    this.#use();
    return [...this.peers.keys()];
  }

  #check({ id }: MeshPeer): void {
    if (this.indigestible.has(id)) throw new TypeError(`wg: unable to parse ${id}`);
  }

  #use(): void {
    if (this.isGone) throw new TypeError("wg: no such device");
  }
}
