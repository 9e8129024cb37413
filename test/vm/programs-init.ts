// PID 1 of the machine that shows what programs may do: on our kernel, with the system's own files,
// it starts programs as the node agent does, by the table.
//
// Each result is a line `PROGRAMS key value` on the console. Under the names of the curator and of
// the agent this same program is the attacker (test/attack/attacker.ts).
import { mkdirSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { create } from "@bufbuild/protobuf";
import { sleep, Value } from "../../src/base/event/event.ts";
import { mountPoints } from "../../src/base/linux/mount.ts";
import { powerOff } from "../../src/base/linux/reboot.ts";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { confineStarts, run } from "../../src/base/process/process.ts";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { UpdateNodeClusterNetworkingResponseSchema as NetworkingSchema } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { accountOf, podNetworks } from "../../src/image/image.ts";
import { commandFor } from "../../src/init/init.ts";
import { mountAll } from "../../src/init/mounts.ts";
import { confineByTable } from "../../src/node/host/confined.ts";
import { makeRunFolders } from "../../src/node/host/run-folders.ts";
import { createDevice, handshakes } from "../../src/node/mesh/device.ts";
import { mesh } from "../../src/node/mesh/mesh.ts";
import { ensureMeshKey, type MeshKey } from "../../src/node/mesh/mesh-key.ts";
import { leadBySource } from "../../src/node/network/source-routes.ts";
import { type NetworkStatus, noNetwork } from "../../src/node/network/status.ts";
import { dataPartition } from "../../src/node/storage/data.ts";
import { makeDataTree, paths } from "../../src/node/storage/paths.ts";
import { attack } from "../attack/attacker.ts";
import { type Metadata, rewriteHeader } from "../attack/luks-writer.ts";

/** Emulated, a handshake takes a while. */
const MESH_MS = 120_000;
/** What init starts every agent by. */
const SETPRIV = "/usr/bin/setpriv";
const where = paths("/", { curatorGroup: accountOf("curator").gid });
const tree = new LogTree();

function tell(key: string, value: string): void {
  process.stdout.write(`PROGRAMS ${key} ${value}\n`);
}

/** What a node has that is nobody's but the agent's, or another program's. */
const SECRETS = [
  ...["/dev/vda", "/dev/mapper/control", "/dev/kmsg", "/dev/tpmrm0", "/dev/tpm0"],
  ...[where.esp.sealedConfiguration, where.data.meshKey],
  ...[where.data.etcdPeer.key, where.data.etcdClient.key],
  ...["/run/metropolis/dhcpcd.conf"],
];
const FOLDERS = ["/run/tpm", "/run/cryptsetup", where.data.etcdData, where.esp.metropolis];
/** Where nobody but the agent writes. */
const SETTINGS = [
  ...["/proc/sysrq-trigger", "/sys/fs/cgroup/cgroup.procs"],
  ...[where.data.credentials.key, "/usr/bin/etcd"],
];

function prepare(): void {
  mountAll(tree.logger("init"));
  mkdirSync("/dev/mapper", { recursive: true });
  makeRunFolders();
}

/** Files as a node has them, the modes of some as wide as a mistake could make them. */
function makeFiles(): void {
  makeDataTree(where);
  const { data, esp } = where;
  const { credentials, etcdClient, etcdPeer } = data;
  mkdirSync(esp.metropolis, { recursive: true });
  for (const { key } of [credentials, etcdClient]) writeFileSync(key, "key", { mode: 0o640 });
  for (const path of [data.meshKey, etcdPeer.key]) writeFileSync(path, "key", { mode: 0o600 });
  for (const path of [esp.sealedConfiguration, "/run/metropolis/dhcpcd.conf"]) {
    writeFileSync(path, "key", { mode: 0o666 });
  }
  for (const path of ["/dev/tpm0", "/dev/tpmrm0"]) writeFileSync(path, "", { mode: 0o666 });
}

/** The data partition, made and opened by the node's own code: cryptsetup, blkdiscard, mkfs.xfs. */
async function useDisk(): Promise<void> {
  const partition = dataPartition("/dev/vda", where.data.root);
  const lock = { protection: "authenticated", passphrase: new Uint8Array(32).fill(7) } as const;
  await partition.create(lock, tree.logger("root.storage"));
  await partition.release();
  await beForged(() => partition.open(lock));
  const { growing } = await partition.open(lock);
  await growing?.zero(growing.covered(), 1n << 20n, AbortSignal.timeout(60_000));
  tell("disk", "works");
}

/** A disk writer's header, which names no cipher and no tags; cryptsetup itself takes it. */
async function beForged(open: () => Promise<unknown>): Promise<void> {
  let own: Metadata["segments"][string] = {};
  rewriteHeader("/dev/vda", ({ segments }) => {
    own = segments[0] ?? {};
    segments[0] = { ...own, encryption: "cipher_null-ecb" };
    delete segments[0].integrity;
  });
  tell("forged", await open().then(() => "opens", String));
  rewriteHeader("/dev/vda", ({ segments }) => Object.assign(segments, { 0: own }));
}

async function useNetwork(): Promise<void> {
  const [privateKey, publicKey] = [9, 10].map((byte) => new Uint8Array(32).fill(byte).toBase64());
  const key = { privateKey: privateKey ?? "", publicKey: publicKey ?? "" };
  await createDevice(key, podNetworks(new Uint8Array(1)));
  await handshakes();
  await run(["ss", "--kill", "--no-header", "--tcp", "--numeric", "( sport = :1 )"]);
  tell("network", "works");
}

/** Two cards with a router each, and what then leads answers. */
async function useTwoCards(): Promise<void> {
  for (const card of ["8", "9"]) {
    await run(["ip", "link", "add", `eth${card}`, "type", "dummy"]);
    await run(["ip", "address", "add", `10.${card}.0.2/24`, "dev", `eth${card}`]);
    await run(["ip", "link", "set", `eth${card}`, "up"]);
    await run(["ip", "route", "add", "default", "via", `10.${card}.0.1`, "metric", card]);
  }
  const sources = leadBySource(new Value<NetworkStatus>(noNetwork));
  const supervisor = new Supervisor(sources, { tree, rootDn: "sources" });
  supervisor.start();
  await linesOf("sources", /./);
  await supervisor.stop();
  tell("sources", (await run(["ip", "-4", "rule"])).text.replaceAll("\n", "; "));
}

/** Another node, in a network of its own, which waits to be called. */
async function makeFar(near: MeshKey, keyFile: string): Promise<void> {
  const ip = (...words: readonly string[]) => run(["/usr/sbin/ip", ...words]);
  const far = (...words: readonly string[]) => ip("netns", "exec", "far", ...words);
  await ip("netns", "add", "far");
  await ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns", "far");
  await ip("address", "add", "10.1.0.2/24", "dev", "near");
  await ip("link", "set", "near", "up");
  await ip("-n", "far", "address", "add", "10.1.0.3/24", "dev", "far");
  await ip("-n", "far", "link", "set", "far", "up");
  await ip("-n", "far", "link", "add", "wg0", "type", "wireguard");
  const device = ["listen-port", "7838", "private-key", keyFile];
  const peer = ["peer", near.publicKey, "allowed-ips", "10.1.0.2/32"];
  await far("/usr/bin/wg", "set", "wg0", ...device, ...peer);
  await ip("-n", "far", "link", "set", "wg0", "up");
}

/** The mesh as a node runs it, to a peer whose best address leads nowhere from here. */
async function meetFar(): Promise<void> {
  const keyFile = "/run/far.key";
  const { publicKey } = await ensureMeshKey(keyFile);
  confineStarts((_, options) => options);
  await makeFar(await ensureMeshKey(where.data.meshKey), keyFile);
  confineStarts(confineByTable());
  const addresses = ["10.1.0.9", "10.1.0.3"];
  const peer = { id: "far", publicKey, addresses, prefixes: ["10.1.0.3/32"], podRanges: [] };
  const supervisor = new Supervisor(
    mesh({
      ...{ nodeId: "near", clusterCa: new Uint8Array(1), keyFile: where.data.meshKey },
      curator: { updateNodeClusterNetworking: async () => create(NetworkingSchema) },
      addresses: new Value<readonly string[]>(["10.1.0.2"]),
      told: { addresses: new Value<readonly string[]>([]), podRanges: new Value(noRanges) },
      peers: new Value([peer]),
      note: () => {},
    }),
    { tree },
  );
  supervisor.start();
  tell("mesh", await linesOf("root", /Reaching far/));
  await supervisor.stop();
}

const noRanges: readonly string[] = [];

/** What was logged at a DN, once that is among it. */
async function linesOf(dn: string, last: RegExp): Promise<string> {
  for (
    const limit = performance.now() + MESH_MS;
    ;
    await sleep(100, AbortSignal.timeout(MESH_MS))
  ) {
    const { backlog } = tree.read({ dn, backlog: "all" });
    const lines = backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
    if (lines.some((line) => last.test(line)) || performance.now() > limit) return lines.join("; ");
  }
}

async function beAttacked(): Promise<void> {
  const args = [
    ...[...SECRETS, ...FOLDERS].flatMap((path) => ["--read", path]),
    ...[...FOLDERS, "/run/filters"].flatMap((path) => ["--create", `${path}/new`]),
    ...[...SECRETS, ...SETTINGS].flatMap((path) => ["--write", path]),
    ...["--run", "/usr/bin/ss", "--run", "/usr/sbin/cryptsetup"],
  ];
  const ownArgs = ["--read", where.data.credentials.key];
  const create = ["--create", "/run/metropolis/curator/new"];
  const curator = await run(["/init", ...args, ...ownArgs, ...create], { program: "curator" });
  tell("curator", curator.text.trim());
}

/** The agent is started by init, not by the table's hook. */
async function beAttackedByAgent(): Promise<void> {
  confineStarts((_, options) => options);
  const { argv } = commandFor("node");
  tell("agent", (await run(argv)).text.trim());
  tell("cover", (await run([...argv, "--cover", SETPRIV])).text.trim());
  tell("setpriv", mountPoints().some(({ target }) => target === SETPRIV) ? "covered" : "ours");
}

async function main(): Promise<void> {
  prepare();
  confineStarts(confineByTable());
  await useDisk();
  makeFiles();
  await useNetwork();
  await useTwoCards();
  await beAttacked();
  await beAttackedByAgent();
  await meetFar();
  tell("done", "yes");
}

const name = basename(process.argv0);
if (name === "curator" || name === "node") attack(process.argv.slice(2));
else
  main()
    .catch((error: unknown) => tell("failed", String(error)))
    .finally(() => powerOff());
