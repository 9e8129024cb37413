// Members of a control plane for tests: real servers with TLS on the loopback,
// over one store in memory instead of etcd.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Member, memoryStore, type Store } from "../base/etcd/etcd.ts";
import { Value } from "../base/event/event.ts";
import { LogTree } from "../base/logtree/logtree.ts";
import { issueNode, selfSigned, validFor } from "../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, type KeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { nodeId } from "../base/pki/node-id.ts";
import { verifyNode } from "../base/pki/verify.ts";
import { type Channel, connect } from "../base/rpc/rpc.ts";
import { Supervisor } from "../base/supervisor/supervisor.ts";
import { CuratorBootstrap } from "../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import { member } from "./member.ts";
import type { CredentialFiles } from "./settings.ts";
import { SimulatedConsensus } from "./state/test-consensus.ts";

/** One running member. Leave it through `await using`. */
export class TestMember implements AsyncDisposable {
  readonly key: KeyPair = generateKeyPair();
  readonly joinKey: KeyPair = generateKeyPair();
  readonly ownerKey: KeyPair = generateKeyPair();
  readonly ownershipSecret: Uint8Array = crypto.getRandomValues(new Uint8Array(32));
  readonly id: string = nodeId(this.key.publicKey);
  readonly ownAddresses = new Value<readonly string[]>([]);
  readonly port = new Value<number | undefined>();
  readonly tree = new LogTree();
  /** DER of the CA, once there is a cluster. */
  ca = new Uint8Array();
  /** DER of the node's certificate, once there is a cluster. */
  certificate = new Uint8Array();
  readonly #folder = mkdtempSync(join(tmpdir(), "curator-"));
  readonly #supervisor: Supervisor;

  constructor(
    readonly store: Store = memoryStore(),
    members: readonly Partial<Member>[] = [],
  ) {
    const settings = {
      nodeId: this.id,
      dn: "root.roles.curator",
      socket: this.socket,
      credentials: this.#files,
      listen: { host: "127.0.0.1", port: 0 },
      addresses: [],
      open: false,
      leaderTtlSeconds: 1,
    };
    const { ownAddresses, port, tree } = this;
    const parts = {
      settings,
      store,
      consensus: new SimulatedConsensus(members),
      ownAddresses,
      port,
    };
    this.#supervisor = new Supervisor(member(parts), { tree, rootDn: settings.dn });
    this.#supervisor.start();
  }

  /** The path of the local socket. */
  get socket(): string {
    return join(this.#folder, "curator.sock");
  }

  get #files(): CredentialFiles {
    const path = (name: string) => join(this.#folder, name);
    return { ca: path("ca.pem"), certificate: path("cert.pem"), key: path("cert-key.pem") };
  }

  /** A client of the local socket, once all that is not waiting runs. */
  async local() {
    while (this.#supervisor.states().get("root.roles.curator.local") !== "HEALTHY") {
      await Bun.sleep(2);
    }
    const channel = connect({ target: `unix:${this.socket}`, credentials: "plain" });
    return channel.client(CuratorBootstrap);
  }

  /** Makes the cluster, keeps its credentials and opens the port. */
  async bootstrap(): Promise<this> {
    const local = await this.local();
    const { caCertificate, nodeCertificate } = await local.bootstrap({
      nodePublicKey: this.key.publicKey,
      joinPublicKey: this.joinKey.publicKey,
      clusterUnlockKey: new Uint8Array(32).fill(1),
      sharePublicKey: new Uint8Array(32).fill(3),
      tpmUsage: 3,
      storageSecurity: 3,
      ownerPublicKey: this.ownerKey.publicKey,
      ownershipSecret: this.ownershipSecret,
    });
    await this.open(new Uint8Array(caCertificate), new Uint8Array(nodeCertificate));
    return this;
  }

  /** Opens the port with these credentials. */
  async open(ca: Uint8Array, certificate: Uint8Array): Promise<void> {
    this.ca = new Uint8Array(ca);
    this.certificate = new Uint8Array(certificate);
    writeFileSync(this.#files.ca, certificatePem(ca));
    writeFileSync(this.#files.certificate, certificatePem(certificate));
    writeFileSync(this.#files.key, privateKeyPem(this.key));
    await (await this.local()).open({});
  }

  /** A connection with a certificate of a key; without a certificate, a self-signed one. */
  async connect(key?: KeyPair, certificate?: Uint8Array): Promise<Channel> {
    const port = await this.port.first(AbortSignal.timeout(5_000), (each) => each !== undefined);
    const verify = (der: Uint8Array) => void verifyNode(der, this.ca, { id: this.id });
    const own = key && {
      keyPem: privateKeyPem(key),
      certificatePem: certificatePem(certificate ?? (await selfSigned(key))),
    };
    return connect({ target: `127.0.0.1:${port}`, credentials: { verify, ...own } });
  }

  /** A connection as the node itself. */
  asNode(): Promise<Channel> {
    return this.connect(this.key, this.certificate);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor.stop(3_000);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A certificate for a member that no cluster has admitted: for members beside the first. */
export function issueFor(key: KeyPair, ca: Parameters<typeof issueNode>[0]): Promise<Uint8Array> {
  return issueNode(ca, key.publicKey, validFor(1));
}
