// The control plane of one node as plain processes on this machine's loopback:
// the real etcd, the real curator and the node's own API, made by the calls that
// a node makes, and owned through the real metroctl. Up in a second or two.
//
//   etcd ◄── curator ◄── unix socket: Bootstrap, Open
//               ▲
//            TLS port ◄── metroctl takeownership      node-api: NodeManagement
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { decodeEntry, type Entry, formatEntry } from "../../src/base/logtree/logtree.ts";
import {
  certificatePem,
  generateKeyPair,
  type KeyPair,
  ownerKeyFile,
  privateKeyPem,
} from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { generateBoxKeyPair } from "../../src/base/pki/sealed-box.ts";
import { verifyNode } from "../../src/base/pki/verify.ts";
import {
  type Child,
  type Dialog,
  environment,
  roleCommand,
  startChild,
  startDialog,
} from "../../src/base/process/process.ts";
import { type Channel, connect } from "../../src/base/rpc/rpc.ts";
import { CuratorBootstrap } from "../../src/gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";
import { etcdArguments, type Member } from "../../src/node/consensus/config.ts";
import { createEtcdCa, createMember } from "../../src/node/consensus/pki.ts";
import { freePort, freePorts } from "../../src/node/consensus/test-etcd.ts";
import { connectCurator, persist } from "../../src/node/roles/curator.ts";
import {
  type CuratorSettings,
  curatorSettings,
  settingsLine,
} from "../../src/node/roles/settings.ts";
import { makeCredentials, saveCredentials } from "../../src/node/storage/credentials.ts";
import { makeDataTree, type Paths, paths } from "../../src/node/storage/paths.ts";
import { Operator } from "./operator.ts";
import { outputs, settle } from "./support.ts";

/** How a control plane is made. */
export interface ControlPlaneOptions {
  /** etcd waits for the disk at every write, as on a node. */
  readonly isDurable?: boolean;
  /** The compiled executable, for measuring it; absent: the source as it is. */
  readonly executable?: string | undefined;
  /** It was made with an operator's recovery key. */
  readonly hasBackups?: boolean;
  /** What etcd's database may have; absent: as on a node. */
  readonly quotaBytes?: number;
}

/** What proves somebody to the servers, PEM. */
export interface Proof {
  readonly keyPem: string;
  readonly certificatePem: string;
}

/** How long the parts may take to answer on a busy machine. */
const START_MS = 20_000;

/** A running control plane that somebody owns. */
export class ControlPlane implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "control-plane-"));
  readonly paths: Paths = paths(this.folder);
  readonly nodeKey: KeyPair = generateKeyPair();
  readonly id: string = nodeId(this.nodeKey.publicKey);
  readonly operator: Operator;
  /** What the curator logged. */
  readonly log: Entry[] = [];
  /** DER of the cluster's CA. */
  ca: Uint8Array = new Uint8Array();
  /** Ports of the Cluster API and of the node's own. */
  readonly ports = { api: 0, node: 0 };
  readonly #options: ControlPlaneOptions;
  #member: Member | undefined;
  #settings: CuratorSettings | undefined;
  #etcd: Child | undefined;
  #curator: Dialog | undefined;
  #nodeApi: Dialog | undefined;
  #owner = "";

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.operator = new Operator(join(this.folder, "operator"), options.executable);
  }

  /** Process IDs, by name. */
  get pids(): Readonly<Record<"etcd" | "curator" | "node", number>> {
    const pid = (each: { readonly pid: number } | undefined) => each?.pid ?? 0;
    return { etcd: pid(this.#etcd), curator: pid(this.#curator), node: pid(this.#nodeApi) };
  }

  /** The member of etcd. */
  get member(): Member {
    return present(this.#member);
  }

  /** Starts everything, and makes the operator its owner. */
  async start(): Promise<void> {
    makeDataTree(this.paths);
    const { curatorSocket, etcdSocket } = this.paths.ephemeral;
    for (const each of [curatorSocket, etcdSocket]) mkdirSync(dirname(each), { recursive: true });
    await this.#startEtcd();
    await this.#startCurator();
    await this.#bootstrap();
    await this.#startNodeApi();
    await this.operator.metroctl("takeownership", `127.0.0.1:${this.ports.api}`);
  }

  async #startEtcd(): Promise<void> {
    const { data, ephemeral } = this.paths;
    const socket = ephemeral.etcdSocket;
    this.#member = { nodeId: this.id, data, ports: await freePorts(), socket };
    await createMember(await createEtcdCa(), this.id, this.paths.data);
    this.#spawnEtcd();
  }

  #spawnEtcd(): void {
    const { member } = this;
    const { isDurable, quotaBytes } = this.#options;
    // A lonely member talks to no peers: nothing here is for the network.
    const flags = etcdArguments(member, undefined, quotaBytes).map((flag) =>
      flag.replace("//[::]:", "//127.0.0.1:"),
    );
    if (isDurable !== true) flags.push("--unsafe-no-fsync");
    const log = join(this.folder, "etcd.log");
    this.#etcd = startChild([outputs("etcd"), ...flags], { env: environment(), log });
  }

  async #startCurator(): Promise<void> {
    this.ports.api = await freePort();
    const listen = { host: "127.0.0.1", port: this.ports.api };
    this.#settings = { ...curatorSettings(this.member, this.paths), listen };
    await this.#spawnCurator();
  }

  async #spawnCurator(): Promise<void> {
    this.#curator = this.#startRole("curator");
    const start = { dn: "root.curator", addresses: ["127.0.0.1"] };
    this.#curator.send(settingsLine(present(this.#settings), start).trimEnd());
    await settle("the curator's socket", START_MS, () => existsSync(this.#socket));
  }

  /** Pulls the plug of etcd and the curator, and starts both again. */
  async cutPower(): Promise<void> {
    for (const each of [this.#curator, this.#etcd]) each?.kill("SIGKILL");
    await Promise.all([this.#etcd?.exited, this.#curator?.ended]);
    rmSync(this.#socket, { force: true });
    this.#spawnEtcd();
    await this.#spawnCurator();
    const signal = AbortSignal.timeout(START_MS);
    using channel = connectCurator(present(this.#settings));
    await persist(signal, () => channel.client(CuratorBootstrap).open({}, { signal }));
  }

  get #socket(): string {
    return this.paths.ephemeral.curatorSocket;
  }

  #startRole(role: string): Dialog {
    const { executable } = this.#options;
    return this.#dialog(
      executable === undefined ? roleCommand(role) : { argv: [executable], argv0: role },
    );
  }

  #dialog(command: ReturnType<typeof roleCommand>): Dialog {
    return startDialog({
      ...command,
      onStdout: (line) => {
        const entry = decodeEntry(line);
        if (entry !== undefined) this.log.push(entry);
      },
      onStderr: (line) => console.error(line),
    });
  }

  /** What enrolment does on the first node. */
  async #bootstrap(): Promise<void> {
    const signal = AbortSignal.timeout(START_MS);
    const ownerKey = generateKeyPair();
    this.#owner = ownerKey.publicKey.toHex();
    const secret = crypto.getRandomValues(new Uint8Array(32));
    using channel = connectCurator(present(this.#settings));
    const local = channel.client(CuratorBootstrap);
    const request = {
      nodePublicKey: this.nodeKey.publicKey,
      joinPublicKey: generateKeyPair().publicKey,
      clusterUnlockKey: crypto.getRandomValues(new Uint8Array(32)),
      sharePublicKey: generateBoxKeyPair().publicKey,
      tpmUsage: 3,
      storageSecurity: 3,
      ownerPublicKey: ownerKey.publicKey,
      ownershipSecret: secret,
      ...(this.#options.hasBackups === true && {
        recoveryPublicKey: generateBoxKeyPair().publicKey,
        operatorRecoveryKey: generateBoxKeyPair().publicKey,
      }),
    };
    const made = await persist(signal, () => local.bootstrap(request, { signal }));
    const own = makeCredentials(this.nodeKey, made.nodeCertificate, made.caCertificate);
    await saveCredentials(this.paths.data.credentials, own);
    await persist(signal, () => local.open({}, { signal }));
    this.ca = made.caCertificate;
    // What `install genusb --bootstrap` leaves with the operator.
    const keep = (name: string, text: string) =>
      writeFileSync(join(this.operator.folder, name), text, { mode: 0o600 });
    keep("owner-key.pem", ownerKeyFile(ownerKey));
    keep("ownership-secret", secret.toHex());
  }

  async #startNodeApi(): Promise<void> {
    this.ports.node = await freePort();
    const program = join(import.meta.dirname, "node-api.ts");
    const dialog = this.#dialog({ argv: [process.execPath, program] });
    this.#nodeApi = dialog;
    dialog.send(JSON.stringify({ root: this.folder, port: this.ports.node, owner: this.#owner }));
    const ready = "Serving node management";
    await settle("the node's API", START_MS, () => this.logText().includes(ready));
  }

  /** All that was logged, for a failed test to show. */
  logText(): string {
    return this.log.map(formatEntry).join("\n");
  }

  /** A connection to a port as somebody, or as nobody. The servers are always verified. */
  connect(port: number, proof?: Proof): Channel {
    const verify = (der: Uint8Array) => void verifyNode(der, this.ca, { id: this.id });
    return connect({ target: `127.0.0.1:${port}`, credentials: { ...proof, verify } });
  }

  /** The owner's proof. */
  owner(): Proof {
    return this.operator.credentials();
  }

  /** The proof of a key with a certificate. */
  static proof(key: KeyPair, certificate: Uint8Array): Proof {
    return { keyPem: privateKeyPem(key), certificatePem: certificatePem(certificate) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const dialogs = [this.#nodeApi, this.#curator];
    for (const dialog of dialogs) dialog?.kill("SIGKILL");
    this.#etcd?.kill("SIGKILL");
    await Promise.all([this.#etcd?.exited, ...dialogs.map((dialog) => dialog?.ended)]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("the control plane has not been started");
  return value;
}

/** A control plane that answers and is owned. Leave it through `await using`. */
export async function controlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const plane = new ControlPlane(options);
  try {
    await plane.start();
    return plane;
  } catch (error) {
    console.error(plane.logText());
    await plane[Symbol.asyncDispose]();
    throw error;
  }
}
