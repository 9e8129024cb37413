// For tests of commands: a server with real certificates that plays a cluster of one
// machine, all services on one port, and metroctl started as a person starts it.
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Value } from "../base/event/event.ts";
import { type Issuer, issueCa, issueNode, issueUser, validFor } from "../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../base/pki/keys.ts";
import { nodeId } from "../base/pki/node-id.ts";
import { type Child, ExitError, run, startChild } from "../base/process/process.ts";
import {
  authorizeByOption,
  Code,
  type Implementation,
  RpcError,
  type Server,
  serve,
  service,
} from "../base/rpc/rpc.ts";
import { Curator, CuratorLocal } from "../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { AAA } from "../gen/metropolis/proto/api/aaa_pb.ts";
import {
  type DatabaseSchema,
  type LogsRequest,
  type LogsResponseSchema,
  Management,
  type Node,
  NodeManagement,
  NodeSchema,
} from "../gen/metropolis/proto/api/management_pb.ts";
import {
  type ClusterConfigurationSchema,
  type ClusterDirectory_NodeSchema,
  NodeState,
} from "../gen/metropolis/proto/common/common_pb.ts";
import { ContextFolder, contextFiles } from "./session/context.ts";
import { ensureOwnerKey } from "./session/owner.ts";

/** What a run of metroctl came to. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

const main = join(import.meta.dir, "..", "main.ts");
const caKey = generateKeyPair();
const nodeKey = generateKeyPair();
const ca = { keyPair: caKey, certificate: await issueCa(caKey) };

/** A control plane, and an operator's home beside it. Leave it through `await using`. */
export class TestControlPlane implements AsyncDisposable {
  /** The ID of the node that serves. */
  readonly id: string = nodeId(nodeKey.publicKey);
  /** DER. */
  readonly ca: Uint8Array = ca.certificate;
  /** The operator's home; `.config/metroctl` in it is the configuration. */
  readonly home: string = mkdtempSync(join(tmpdir(), "operator-"));
  readonly context = new ContextFolder(join(this.home, ".config", "metroctl"), "default");
  /** The nodes there are; the first is the one that serves. */
  readonly nodes: Node[] = [];
  /** Calls that change something, as method and request, in order. */
  readonly changes: { readonly method: string; readonly request: object }[] = [];
  /** What Logs was asked for, and what it answers. */
  readonly logRequests: LogsRequest[] = [];
  logAnswers: MessageInitShape<typeof LogsResponseSchema>[] = [];
  /** How Logs breaks off after its answers. */
  logsFailure: RpcError | undefined;
  /** After its answers, Logs waits for more. */
  logsGoOn = false;
  /** Where the cluster says that it is. */
  directory: MessageInitShape<typeof ClusterDirectory_NodeSchema>[] = [
    { id: this.id, addresses: [{ host: "127.0.0.1" }], consensusMember: true },
  ];
  ticket = "the ticket";
  database: MessageInitShape<typeof DatabaseSchema> = {
    ...{ fileBytes: 20n << 20n, usedBytes: 12n << 20n, quotaBytes: 2n << 30n },
    ...{ fullBytes: 3n << 29n, state: 1 },
  };
  configuration: MessageInitShape<typeof ClusterConfigurationSchema> = {
    clusterDomain: "cluster.internal",
    tpmMode: 1,
    storageSecurityPolicy: 3,
  };
  /** What the cluster gives as its backup. */
  backup: AsyncIterable<Uint8Array> | undefined;
  /** Set to make the nodes' watch speak. */
  readonly news = new Value<number>();
  /** What the next change is refused with. */
  refusal: RpcError | undefined;
  /** What the cluster's certificates are made with. */
  readonly issuer: Issuer = ca;
  /** For how long the owner gets his. */
  certificateDays = 730;
  /** In how many days the certificate of its node ends. */
  nodeDays = 1;
  /** The cluster belongs to somebody else. */
  isForeign = false;
  /** Why it refuses the key, where it does. */
  foreignReason: string | undefined;
  /** The CA that it says to be its own. */
  claimedCa: Uint8Array = ca.certificate;
  /** Whose key owns it; absent: anybody's. */
  owner: Uint8Array | undefined;
  /** The next answer to RotateOwner is lost after the key was replaced. */
  losesAnswer = false;
  /** It passes for the leader only: what it gives in place of a certificate for the owner. */
  forged: Uint8Array | undefined;
  #server: Server | undefined;

  /** Starts the server. */
  async start(): Promise<this> {
    const certificate = await issueNode(ca, nodeKey.publicKey, validFor(this.nodeDays));
    this.#server = await serve({
      services: [
        service(CuratorLocal, this.#curatorLocal()),
        service(Curator, this.#curator()),
        service(AAA, this.#aaa()),
        service(Management, this.#management()),
        service(NodeManagement, this.#nodeManagement()),
      ],
      authorize: authorizeByOption(() => ca.certificate),
      listen: { host: "127.0.0.1", port: 0 },
      tls: { certificatePem: certificatePem(certificate), keyPem: privateKeyPem(nodeKey) },
    });
    const status = { externalAddress: this.endpoint };
    const fields = { id: this.id, pubkey: nodeKey.publicKey, status };
    this.nodes.push(create(NodeSchema, { ...fields, state: NodeState.UP, health: 2 }));
    return this;
  }

  /** Where the server listens. */
  get endpoint(): string {
    return `127.0.0.1:${this.#server?.port}`;
  }

  /** Makes the operator the owner, as takeownership would have. */
  async own(): Promise<this> {
    const { publicKey } = ensureOwnerKey(this.context);
    const certificate = await issueUser(ca, publicKey, "owner", validFor(this.certificateDays));
    this.context.write(contextFiles.ownerCertificate, certificatePem(certificate), 0o644);
    this.context.write(contextFiles.ca, certificatePem(ca.certificate), 0o600);
    this.context.saveReach({ endpoints: [this.endpoint] });
    return this;
  }

  /** Adds a node, one that waits for approval unless said otherwise, and gives its ID. */
  addNode(more: MessageInitShape<typeof NodeSchema> = {}): string {
    const { publicKey } = generateKeyPair();
    const fields = { id: nodeId(publicKey), pubkey: publicKey, state: NodeState.NEW, health: 1 };
    this.nodes.push(create(NodeSchema, { ...fields, ...more }));
    return fields.id;
  }

  /** Runs metroctl with the operator's home and no terminal. */
  async metroctl(...words: readonly string[]): Promise<Outcome> {
    const out = join(this.home, "stdout");
    const env = this.#environment;
    const command = ["sh", "-c", 'exec "$@" >"$0"', out, process.execPath, main, ...words];
    const { exitCode, stderr } = await run(command, { env, timeoutMs: 60_000 }).then(
      ({ stderr }) => ({ exitCode: 0, stderr }),
      (error: unknown) => {
        if (error instanceof ExitError) return error;
        throw error;
      },
    );
    return { stdout: readFileSync(out, "utf8"), stderr, exitCode };
  }

  /** Runs metroctl as a part of a line of shell, in which it is called `metroctl`. */
  async shell(line: string): Promise<Outcome> {
    const script = `set -o pipefail; metroctl() { "$0" "$main" "$@"; }; ${line}`;
    const command = ["bash", "-c", script, process.execPath];
    return run(command, { env: { ...this.#environment, main }, timeoutMs: 60_000 }).then(
      ({ text, stderr }) => ({ stdout: text, stderr, exitCode: 0 }),
      (error: unknown) => {
        if (!(error instanceof ExitError)) throw error;
        return { stdout: "", stderr: error.stderr, exitCode: error.exitCode };
      },
    );
  }

  /** Starts metroctl and lets it run; `output` is what it has said so far, both streams. */
  begin(...words: readonly string[]): { readonly child: Child; output(): string } {
    const log = join(this.home, "output");
    rmSync(log, { force: true });
    const child = startChild([process.execPath, main, ...words], { env: this.#environment, log });
    return { child, output: () => readFileSync(log, "utf8") };
  }

  get #environment() {
    return {
      ...{ PATH: process.env.PATH ?? "", HOME: this.home, METROPOLIS_ROLE: "metroctl", TZ: "UTC" },
      XDG_CONFIG_HOME: join(this.home, ".config"),
      XDG_STATE_HOME: join(this.home, ".state"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.close(0);
    rmSync(this.home, { recursive: true });
  }

  #curatorLocal(): Partial<Implementation<typeof CuratorLocal>> {
    const leader = { leaderNodeId: this.id, thisNodeId: this.id, leaderHost: "127.0.0.1" };
    return {
      getCACertificate: async ({ nonce }) => {
        const secret = this.context.read(contextFiles.secret)?.trim();
        if (secret === undefined) return { identityCaCertificate: ca.certificate };
        const hmac = createHmac("sha256", Buffer.from(secret, "hex"));
        hmac.update("metropolis ownership v1").update(nonce).update(ca.certificate);
        return { identityCaCertificate: ca.certificate, proof: hmac.digest() };
      },
      getCurrentLeader: async function* () {
        yield leader;
      },
    };
  }

  #curator(): Partial<Implementation<typeof Curator>> {
    const { news } = this;
    return {
      watch: async function* (_, { signal }) {
        for await (const _ of news.watch(signal)) yield {};
      },
    };
  }

  #aaa(): Partial<Implementation<typeof AAA>> {
    const isOwner = (key: Uint8Array) =>
      !this.isForeign && (this.owner === undefined || Buffer.compare(this.owner, key) === 0);
    const days = () => this.certificateDays;
    const forged = () => this.forged;
    const foreignReason = () => this.foreignReason;
    return {
      escrow: async function* (_, { peer }) {
        const key = peer?.kind === "anonymous" ? peer.publicKey : undefined;
        const reason = foreignReason();
        if (reason !== undefined) throw new RpcError(Code.failedPrecondition, reason);
        if (key === undefined || !isOwner(key))
          throw new RpcError(Code.permissionDenied, "this is not the owner's key");
        const certificate = await issueUser(ca, key, "owner", validFor(days()));
        yield { emittedCertificate: forged() ?? certificate };
      },
    };
  }

  #management(): Partial<Implementation<typeof Management>> {
    const find = (filter: string) => this.#find(filter);
    const change = (method: string) => async (request: object) => {
      if (this.refusal !== undefined) throw this.refusal;
      this.changes.push({ method, request });
      return {};
    };
    const backup = () => this.backup ?? [];
    return {
      backup: async function* () {
        for await (const data of backup()) yield { data };
      },
      getNodes: async function* ({ filter }) {
        yield* find(filter);
      },
      getRegisterTicket: async () => ({ ticket: new TextEncoder().encode(this.ticket) }),
      rotateRegisterTicket: async () => {
        this.ticket = "another ticket";
        return { ticket: new TextEncoder().encode(this.ticket) };
      },
      rotateOwner: async (request) => {
        await change("rotateOwner")(request);
        if (this.forged !== undefined) return { certificate: this.forged };
        this.owner = request.newPublicKey;
        if (this.losesAnswer) throw new RpcError(Code.permissionDenied, "not the owner any more");
        const { newPublicKey } = request;
        return { certificate: await issueUser(ca, newPublicKey, "owner", validFor(730)) };
      },
      getClusterInfo: async () => ({
        caCertificate: this.claimedCa,
        clusterDirectory: { nodes: this.directory },
        clusterConfiguration: this.configuration,
        database: this.database,
      }),
      configureCluster: async (request) => {
        await change("configureCluster")(request);
        return { resultingConfig: request.newConfig };
      },
      approveNode: change("approveNode"),
      updateNodeRoles: async (request) => {
        const { case: kind, value } = request.node;
        if (kind === "id" && !this.nodes.some(({ id }) => id === value))
          throw new RpcError(Code.notFound, "no such node");
        return change("updateNodeRoles")(request);
      },
      updateNodeLabels: change("updateNodeLabels"),
      decommissionNode: change("decommissionNode"),
      deleteNode: change("deleteNode"),
    };
  }

  /** Of CEL only what commands themselves send. */
  #find(filter: string): readonly Node[] {
    const [, wanted] = /^node\.id == "(.*)"$/.exec(filter) ?? [];
    if (filter === "") return this.nodes;
    if (wanted !== undefined) return this.nodes.filter(({ id }) => id === wanted);
    if (filter === "node.state == NODE_STATE_NEW")
      return this.nodes.filter(({ state }) => state === NodeState.NEW);
    throw new RpcError(Code.invalidArgument, "filter: 1:6: no such field");
  }

  #nodeManagement(): Partial<Implementation<typeof NodeManagement>> {
    const asked = this.logRequests;
    const answers = () => this.logAnswers;
    const broken = () => this.logsFailure;
    const goesOn = () => this.logsGoOn;
    return {
      logs: async function* (request, { signal }) {
        asked.push(request);
        yield* answers();
        const failure = broken();
        if (failure !== undefined) throw failure;
        if (goesOn()) await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
      reboot: async (request) => {
        this.changes.push({ method: "reboot", request });
        return {};
      },
    };
  }
}
