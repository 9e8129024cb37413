// The node's part in the control plane, as its roles demand: etcd and the curator
// beside it.
//
//   role given ──► JoinConsensus ──► etcd as learner ──► voter ──► curator
//   role taken ──► etcd has let the member go ──► curator, etcd ended ──► data erased
//
// What is on the disk decides where to begin: with data of etcd the node is a
// member, whatever else was interrupted.
import { existsSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { etcdMembers } from "../../base/etcd/etcd.ts";
import { sleep, type Value } from "../../base/event/event.ts";
import { eraseFile } from "../../base/linux/atomic-file.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import {
  certificateDer,
  generateKeyPair,
  type KeyPair,
  keyPairFromPem,
} from "../../base/pki/keys.ts";
import { isEnding } from "../../base/pki/renewal.ts";
import { type Client, Code, type Known, RpcError } from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { NodeRoles } from "../../gen/metropolis/proto/common/common_pb.ts";
import { ETCD_PORTS, type EtcdPorts, type Member } from "../consensus/config.ts";
import { connectEtcd } from "../consensus/connection.ts";
import type { StartFailure } from "../consensus/consensus.ts";
import { type Owner, saveMember } from "../consensus/pki.ts";
import { type Control, untilFirst } from "../control/control.ts";
import { type Lock, shareKeyPair } from "../recovery/recovery.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { CredentialPaths, Paths } from "../storage/paths.ts";
import { connectLeader } from "./connection.ts";
import { isRemoved } from "./removal.ts";
import { type CuratorSettings, curatorSettings } from "./settings.ts";
import { isMember, whileMembership } from "./while-role.ts";

/** What the control plane on this node is made of. */
export interface ControlPlaneOptions {
  readonly paths: Paths;
  readonly membership: Value<Credentials>;
  /** What the cluster wants of this node. */
  readonly roles: Value<NodeRoles>;
  readonly consensus: Control<Member>;
  readonly curator: Control<CuratorSettings>;
  /** The keys that this node is known by while it is locked. */
  readonly lock: Value<Lock>;
  /** Why etcd cannot run, while it cannot. */
  readonly failure: Value<StartFailure | null>;
  /** Curators that may know the leader. */
  readonly known: () => Known;
  /** Absent: those of a machine. Tests have their own. */
  readonly etcdPorts?: EtcdPorts;
  readonly curatorPort?: number;
  /** What etcd runs as; absent: as ourselves. */
  readonly etcdOwner?: Owner;
}

const PAUSE_MS = 500;
/** A call that is refused for long is made as often as a node may report for ever. */
const LONGEST_PAUSE_MS = 5_000;
/** How often the certificates of etcd are looked at. */
const LOOK_MS = 3_600_000;
/** How often a member looks whether it still is one; only nodes that were off hear of it late. */
const MEMBERSHIP_MS = 5_000;

/** Follows the role ConsensusMember. */
export function controlPlane(options: ControlPlaneOptions): Runnable {
  return async ({ signal, log, healthy }) => {
    const { membership, roles, known } = options;
    const own = await membership.first(signal);
    using channel = connectLeader(membership, known);
    const part = new ControlPlane(options, own, channel.client(Curator), log);
    healthy();
    for (;;) {
      const isWanted = isMember(await roles.first(signal));
      await whileMembership(roles, isWanted, signal, (either) =>
        isWanted ? part.join(either) : part.leave(either),
      );
    }
  };
}

class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #own: Credentials;
  readonly #cluster: Client<typeof Curator>;
  readonly #log: Logger;

  constructor(
    options: ControlPlaneOptions,
    own: Credentials,
    cluster: Client<typeof Curator>,
    log: Logger,
  ) {
    this.#options = options;
    this.#own = own;
    this.#cluster = cluster;
    this.#log = log;
  }

  /** Makes this node a member that serves; anew where consensus has let go of it meanwhile. */
  async join(signal: AbortSignal): Promise<void> {
    for (;;) {
      await untilFirst(signal, [
        (ended) => this.#serve(ended),
        (ended) => this.#removed(ended),
        (ended) => this.#replaced(ended),
      ]);
      await this.#erase(signal);
      // That was the old one's.
      this.#options.failure.set(null);
      this.#log.warning("Consensus has removed this node's member: it becomes a new one");
    }
  }

  /** Serves, and keeps what it serves with from ending. */
  async #serve(signal: AbortSignal): Promise<void> {
    // Otherwise enrolment made the cluster here, and runs its control plane already.
    if (this.#options.curator.wanted.current === null) await this.#start(signal);
    const { curator } = this.#options;
    for (; ; await sleep(LOOK_MS, signal)) {
      if (!(await this.#renewMember(signal))) continue;
      const settings = curator.wanted.current ?? null;
      // It reads its certificates of etcd when it starts.
      await curator.stop(signal);
      curator.wanted.set(settings);
    }
  }

  /** Resolves when etcd says that the member is gone whose data are here. */
  async #removed(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(MEMBERSHIP_MS, signal);
      if (this.#hasData() && (await this.#isRemoved(signal))) return;
    }
  }

  /** Resolves when the cluster has let go of a member whose data are damaged. */
  async #replaced(signal: AbortSignal): Promise<void> {
    await this.#options.failure.first(signal, (failure) => failure?.isDamaged === true);
    // What it gives is for a member that has yet to start: asked for again once all is erased.
    await this.#ask(signal, { isDamaged: true });
  }

  /** New certificates for etcd, which reads them at each handshake; false where none are due. */
  async #renewMember(signal: AbortSignal): Promise<boolean> {
    const { etcdPeer, etcdClient } = this.#options.paths.data;
    const files = await Promise.all(
      [etcdPeer, etcdClient].map(({ certificate }) => readFile(certificate, "utf8")),
    );
    if (!files.some((pem) => isEnding(certificateDer(pem)))) return false;
    // A power cut must not leave a certificate beside a key that is not its own.
    const [member, client] = await Promise.all([etcdPeer, etcdClient].map(storedKey));
    await this.#admission(signal, member, client);
    return true;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { consensus, curator, paths, curatorPort } = this.#options;
    const member = await this.#member(signal);
    consensus.wanted.set(member);
    await untilVoter(member, consensus, signal);
    curator.wanted.set(curatorSettings(member, paths, curatorPort));
    this.#log.info("This node has a vote in consensus");
  }

  /** The member that etcd's data are of, or else one that the cluster has let in now. */
  async #member(signal: AbortSignal): Promise<Member> {
    const { paths, etcdPorts = ETCD_PORTS } = this.#options;
    const { data, ephemeral } = paths;
    const { nodeId } = this.#own;
    const member = { nodeId, data, ports: etcdPorts, socket: ephemeral.etcdSocket };
    if (this.#hasData()) return member;
    // What a power cut left of an earlier member would be taken for this one's.
    await rm(join(data.etcdData, "member"), { recursive: true, force: true });
    return { ...member, peers: await this.#admission(signal) };
  }

  /** etcd makes other folders earlier; without its log it would begin a cluster of its own. */
  #hasData(): boolean {
    return existsSync(join(this.#options.paths.data.etcdData, "member", "wal"));
  }

  async #admission(
    signal: AbortSignal,
    member = generateKeyPair(),
    client = generateKeyPair(),
  ): Promise<ReadonlyMap<string, string>> {
    const answer = await this.#ask(signal, { member, client });
    const { caCertificate: ca, peers, ...certified } = answer;
    const { paths, etcdOwner } = this.#options;
    const credentials = { ca, member, client, ...certified };
    await saveMember(credentials, paths.data, etcdOwner);
    this.#log.info(`Certified for consensus beside ${peers.length - 1} others`);
    return new Map(peers.map(({ name, url }) => [name, url]));
  }

  /** Asks to be a member, for as long as it takes. */
  async #ask(
    signal: AbortSignal,
    { member = generateKeyPair(), client = generateKeyPair(), isDamaged = false },
  ) {
    const { nodeUnlockKey } = await this.#options.lock.first(signal);
    const request = {
      memberPublicKey: member.publicKey,
      clientPublicKey: client.publicKey,
      sharePublicKey: shareKeyPair(nodeUnlockKey).publicKey,
      isDamaged,
    };
    // The others may become healthy.
    const passing = isDamaged ? [...PASSING, Code.failedPrecondition] : PASSING;
    return await persistently(signal, this.#log, passing, () =>
      this.#cluster.joinConsensus(request, { signal }),
    );
  }

  /** Makes this node no member, once the others can do without it. */
  async leave(signal: AbortSignal): Promise<void> {
    const { consensus } = this.#options;
    const isRunning = consensus.wanted.current !== null;
    if (!isRunning && !this.#hasData()) return this.#forgetRest(signal);
    // Its vote may be needed to let it go.
    if (!isRunning) consensus.wanted.set(await this.#member(signal));
    while (!(await this.#isRemoved(signal))) await sleep(PAUSE_MS, signal);
    await this.#forget(signal);
    this.#log.info("This node is no consensus member any more; its copy of the state is erased");
  }

  #isRemoved(signal: AbortSignal): Promise<boolean> {
    const { consensus, known } = this.#options;
    const member = consensus.running.current ?? undefined;
    return isRemoved({ member, own: this.#own, known: known() }, signal);
  }

  /** Goes on where a power cut came between. */
  async #forgetRest(signal: AbortSignal): Promise<void> {
    const { data, esp } = this.#options.paths;
    const traces = [join(data.etcdData, "member"), data.etcdPeer.key, data.etcdClient.key];
    if ([...traces, esp.recovery].some(existsSync)) await this.#forget(signal);
  }

  /** Leaves nothing of a member. */
  async #forget(signal: AbortSignal): Promise<void> {
    await this.#erase(signal);
    // Its share is of use to nobody any more.
    const { lock, paths } = this.#options;
    await eraseFile(paths.esp.recovery);
    if (lock.current !== undefined) lock.set({ ...lock.current, epochs: [] });
  }

  /** Ends etcd and the curator, and forgets what was theirs. */
  async #erase(signal: AbortSignal): Promise<void> {
    const { consensus, curator, paths } = this.#options;
    await curator.stop(signal);
    await consensus.stop(signal);
    const { etcdData, etcdPeer, etcdClient } = paths.data;
    // The folder itself stays: it is etcd's, which may write nowhere else, not even to make it.
    const content = (await readdir(etcdData)).map((name) => join(etcdData, name));
    for (const path of [...content, etcdPeer.root, etcdClient.root]) {
      await rm(path, { recursive: true, force: true });
    }
  }
}

/** The key that lies beside a certificate. */
async function storedKey({ key }: CredentialPaths): Promise<KeyPair> {
  return keyPairFromPem(await readFile(key, "utf8"));
}

/** Waits until etcd here has caught up and was given its vote. */
async function untilVoter(
  member: Member,
  consensus: Control<Member>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await consensus.running.first(signal, (running) => running === member);
    using channel = await connectEtcd(member);
    const status = await etcdMembers(channel)
      .status()
      .catch(() => undefined);
    if (status?.isLearner === false) return;
    await sleep(PAUSE_MS, signal);
  }
}

/** Makes a call again while the cluster cannot answer it, for as long as it takes. */
async function persistently<R>(
  signal: AbortSignal,
  log: Logger,
  passing: readonly Code[],
  call: () => Promise<R>,
): Promise<R> {
  let said = "";
  for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RpcError) || !passing.includes(error.code)) throw error;
      if (error.message !== said) log.info(`Asking again: ${error.message}`);
      said = error.message;
    }
    await sleep(pauseMs, signal);
  }
}

/** Codes with which a call may be made again. */
const PASSING: readonly Code[] = [
  ...[Code.unavailable, Code.deadlineExceeded],
  // Of its own reports, of which each of these calls is one.
  Code.resourceExhausted,
];
