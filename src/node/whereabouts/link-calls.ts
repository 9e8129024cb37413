// Calls over the link: a node that reaches no leader asks everybody beside it who is of its
// cluster, and those who are answer where they are. That is all there is to go by where all
// nodes have got new addresses at once. A machine that is to become a node asks as well, where its
// medium is older than the addresses of the cluster.
//
// Nothing in a call is proved, and nothing is told that a connection to port 7835 would not
// tell as well: it gives hints. An answer goes to the asker, who may have lied about where he is:
// it is never longer than the question, so questions are as long as any answer.
import { createHash } from "node:crypto";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { sleep, type Value } from "../../base/event/event.ts";
import { parseAddress } from "../../base/format/ip-address.ts";
import { hostPrefix, isWithin, type Prefix } from "../../base/format/ip-prefix.ts";
import { RateLimiter } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import {
  type LinkCall,
  LinkCallSchema,
} from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { untilFirst } from "../control/control.ts";
import { MOST_OF_ONE, type Whereabouts } from "./whereabouts.ts";

/** What calls begin with, so that nothing else on the port is taken for one. */
const MAGIC = new TextEncoder().encode("MTRO");
/** No honest call is longer. */
const MAX_BYTES = 512;
/** As many as a node may publish. */
const MOST_ADDRESSES = 8;
/** A question's: the longest answer has eight addresses of 39 characters, and 413. */
const QUESTION_BYTES = 420;
/** Between two questions; the first few come faster, as others may start in the same moment. */
const EAGER_MS = 1_000;
const PATIENT_MS = 5_000;
const EAGER_TIMES = 30;
/** While a leader is reached: so that two clusters of one identity hear of each other. */
const IDLE_MS = 60_000;
/** What is heard of one neighbour: an honest one asks once a second, and answers as often. */
const NEIGHBOUR_RATE = { burst: 20, perSecond: 4 };
/** Answers in all: who takes many addresses shall not use up the line. */
const ANSWER_RATE = { burst: 1_000, perSecond: 200 };
/** No further: through no router. */
const LINK_HOPS = 1;
/** How long what is known of the links is used before the system is asked again. */
const LINKS_MS = 1_000;
/** The kernel chooses one. */
const ANY_PORT = 0;
/** Everybody on a link. */
const ALL_NODES = "ff02::1";

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Who a node is, and the CA of its cluster, DER. */
export interface Caller {
  readonly nodeId: string;
  readonly clusterCa: Uint8Array;
}

/** What is asked with, and for whom. */
export interface SearchOptions {
  /** The addresses of this node, best first. */
  readonly addresses: Value<readonly string[]>;
  /** Whether it reaches its leader: then it has little to ask. */
  readonly isReached: Value<boolean>;
  readonly whereabouts: Whereabouts;
}

/** Who calls and answers, and for whom. */
export interface LinkCallOptions extends SearchOptions {
  /** This node. */
  readonly lock: Value<Caller>;
}

/** A call as it travels. */
export function encodeCall(call: LinkCall): Uint8Array {
  return Buffer.concat([MAGIC, toBinary(LinkCallSchema, call)]);
}

/** A question, as long as any answer. */
export function encodeQuestion(call: LinkCall): Uint8Array {
  // The field that is added has three bytes of its own.
  const padding = new Uint8Array(Math.max(0, QUESTION_BYTES - encodeCall(call).length - 3));
  return encodeCall({ ...call, asks: true, padding });
}

/** An answer with as many addresses as fit; undefined where not even the best one does. */
export function encodeAnswer(call: LinkCall, mostBytes: number): Uint8Array | undefined {
  for (let { addresses } = call; addresses.length > 0; addresses = addresses.slice(0, -1)) {
    const bytes = encodeCall({ ...call, asks: false, addresses });
    if (bytes.length <= mostBytes) return bytes;
  }
  return undefined;
}

/** A call that has arrived; undefined for what is none. */
export function decodeCall(bytes: Uint8Array): LinkCall | undefined {
  if (bytes.length > MAX_BYTES || Buffer.compare(bytes.subarray(0, MAGIC.length), MAGIC) !== 0) {
    return undefined;
  }
  try {
    return fromBinary(LinkCallSchema, bytes.subarray(MAGIC.length));
  } catch {
    return undefined;
  }
}

/** Where all neighbours hear a call, by the family of the address. */
export function broadcasts(interfaces: Interfaces) {
  const all = Object.entries(interfaces).flatMap(([name, addresses]) =>
    (addresses ?? []).filter(({ internal }) => !internal).map((each) => ({ ...each, name })),
  );
  const ipv4 = all.filter(({ family }) => family === "IPv4").flatMap(broadcastAddress);
  const ipv6 = all
    .filter(({ family, address }) => family === "IPv6" && address.startsWith("fe80:"))
    .map(({ name }) => `${ALL_NODES}%${name}`);
  return { ipv4: [...new Set(ipv4)], ipv6: [...new Set(ipv6)] };
}

/** None where nobody else has room on the link, as on those of the mesh. */
function broadcastAddress({ address, netmask }: NetworkInterfaceInfo): readonly string[] {
  const mask = netmask.split(".").map(Number);
  if (mask.length !== 4 || (mask[3] ?? 0) >= 254) return [];
  const bytes = address.split(".").map((byte, at) => Number(byte) | (~(mask[at] ?? 0) & 255));
  return [bytes.join(".")];
}

/** Whether a datagram's sender is on a link of this machine, as far as his address tells. */
export function isNeighbour(from: string, interfaces: Interfaces): boolean {
  if (from.includes(":")) return from.startsWith("fe80:");
  const sender = parseAddress(from);
  if (sender === undefined) return false;
  const own = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  return own.some((each) => isWithin(hostPrefix(sender), networkOf(each)));
}

/** The network that an address of ours is in. */
function networkOf({ address, cidr }: NetworkInterfaceInfo): Prefix | undefined {
  const own = parseAddress(address);
  const length = cidr?.split("/")[1];
  return own === undefined || length === undefined ? undefined : { ...own, length: Number(length) };
}

/** Asks while this node reaches no leader, now and then else, and answers for as long as it runs. */
export function linkCalls(
  options: LinkCallOptions,
  { host, port }: { readonly host: string; readonly port: number },
): Runnable {
  return async ({ signal, healthy, log }) => {
    const lock = await options.lock.first(signal);
    const neighbours = new Neighbours(options, lock, port);
    try {
      await neighbours.listen(host, port);
      healthy();
      log.info(`Answering nodes of this cluster on port ${port}/udp`);
      await askOn(neighbours, options.isReached, signal);
    } finally {
      neighbours.close();
    }
  };
}

/**
 * Asks in the same way for the nodes of a cluster that this machine is none of yet, and answers
 * nobody. Ends with the signal.
 */
export async function searchLink(
  caller: Caller,
  options: SearchOptions,
  { host, port }: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<never> {
  const neighbours = new Neighbours(options, caller, port);
  try {
    await neighbours.listen(host, ANY_PORT);
    return await askOn(neighbours, options.isReached, signal);
  } finally {
    neighbours.close();
  }
}

async function askOn(
  neighbours: Neighbours,
  isReached: Value<boolean>,
  signal: AbortSignal,
): Promise<never> {
  for (let times = 0; ; times++) {
    neighbours.ask();
    if (isReached.current !== true) {
      await sleep(times < EAGER_TIMES ? EAGER_MS : PATIENT_MS, signal);
      continue;
    }
    times = 0;
    await untilFirst(signal, [
      (ended) => sleep(IDLE_MS, ended),
      async (ended) => void (await isReached.first(ended, (reached) => !reached)),
    ]);
  }
}

/** The sockets of one node, and what is said there. */
class Neighbours {
  readonly #options: SearchOptions;
  readonly #nodeId: string;
  readonly #cluster: Uint8Array;
  /** Where others listen. */
  readonly #port: number;
  readonly #heard = new RateLimiter(NEIGHBOUR_RATE);
  /** Whether this is a node of theirs, which they may call. */
  #isAnswering = false;
  readonly #answers = new RateLimiter(ANSWER_RATE);
  #links: { readonly interfaces: Interfaces; readonly at: number } | undefined;
  readonly #ipv4 = createSocket({ type: "udp4" });
  readonly #ipv6 = createSocket({ type: "udp6", ipv6Only: true });

  constructor(options: SearchOptions, { nodeId, clusterCa }: Caller, port: number) {
    this.#options = options;
    this.#nodeId = nodeId;
    this.#cluster = createHash("sha256").update(clusterCa).digest();
    this.#port = port;
  }

  /**
   * Listens at one address of IPv4, or with `::` at all of both families. At another port than
   * others do, it takes answers alone.
   */
  async listen(host: string, port: number): Promise<void> {
    this.#isAnswering = port === this.#port;
    for (const socket of [this.#ipv4, this.#ipv6]) {
      socket.on("message", (bytes, from) => this.#hear(socket, bytes, from));
    }
    const isEverywhere = host === "::";
    await bound(this.#ipv4, port, isEverywhere ? "0.0.0.0" : host);
    this.#ipv4.setBroadcast(true);
    this.#ipv4.setTTL(LINK_HOPS);
    if (!isEverywhere) return;
    // A kernel without IPv6 has no such socket, and nobody who would be heard there.
    const hasSix = await bound(this.#ipv6, port, "::").then(
      () => true,
      () => false,
    );
    if (hasSix) this.#ipv6.setTTL(LINK_HOPS);
  }

  /** Asks everybody; nothing without an address, as nobody could answer with a use. */
  ask(): void {
    const { ipv4, ipv6 } = broadcasts(networkInterfaces());
    const call = this.#own();
    if (call.addresses.length === 0) return;
    const bytes = encodeQuestion(call);
    for (const to of ipv4) send(this.#ipv4, bytes, this.#port, to);
    for (const to of ipv6) send(this.#ipv6, bytes, this.#port, to);
  }

  close(): void {
    for (const socket of [this.#ipv4, this.#ipv6]) socket.close();
  }

  #hear(socket: Socket, bytes: Uint8Array, { address, port }: RemoteInfo): void {
    const call = decodeCall(bytes);
    if (call === undefined || Buffer.compare(call.cluster, this.#cluster) !== 0) return;
    if (call.nodeId === this.#nodeId || !isNeighbour(address, this.#interfaces())) return;
    if (!this.#heard.take(address)) return;
    // The best one last, as the newest.
    for (const each of call.addresses.slice(0, MOST_OF_ONE).toReversed()) {
      this.#options.whereabouts.hint({ nodeId: call.nodeId, address: each }, address);
    }
    if (!call.asks || !this.#isAnswering || !this.#answers.take("")) return;
    const answer = encodeAnswer(this.#own(), bytes.length);
    if (answer !== undefined) send(socket, answer, port, address);
  }

  #interfaces(): Interfaces {
    const now = performance.now();
    if (this.#links === undefined || now - this.#links.at > LINKS_MS) {
      this.#links = { interfaces: networkInterfaces(), at: now };
    }
    return this.#links.interfaces;
  }

  #own(): LinkCall {
    const addresses = (this.#options.addresses.current ?? []).slice(0, MOST_ADDRESSES);
    return create(LinkCallSchema, { cluster: this.#cluster, nodeId: this.#nodeId, addresses });
  }
}

function bound(socket: Socket, port: number, address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("error", reject);
  socket.bind(port, address, () => {
    socket.off("error", reject);
    // What cannot be sent or received any more is asked again.
    socket.on("error", () => {});
    resolve();
  });
  return promise;
}

/** A call that is lost is made again. */
function send(socket: Socket, bytes: Uint8Array, port: number, to: string): void {
  try {
    socket.send(bytes, port, to, () => {});
  } catch {
    // The link has gone down under it.
  }
}
