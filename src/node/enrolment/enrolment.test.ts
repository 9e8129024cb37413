// Tests of enrolment as a whole: the real etcd and the real curator, a folder for the
// disk, and a TPM that is a number.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { sleep, Value } from "../../base/event/event.ts";
import { errorText, LogTree } from "../../base/logtree/logtree.ts";
import { connect } from "../../base/rpc/rpc.ts";
import { type Context, Supervisor } from "../../base/supervisor/supervisor.ts";
import { CuratorLocal } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { NodeParametersSchema } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import type { NodeRoles } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Member } from "../consensus/config.ts";
import { consensus, type StartFailure } from "../consensus/consensus.ts";
import { ETCD, freePort, freePorts } from "../consensus/test-etcd.ts";
import { Control } from "../control/control.ts";
import { folderPartition } from "../host/folder-partition.ts";
import type { Lock } from "../recovery/recovery.ts";
import { memberTls } from "../roles/connection.ts";
import { controlPlane } from "../roles/control-plane.ts";
import { curator } from "../roles/curator.ts";
import type { CuratorSettings } from "../roles/settings.ts";
import type { Credentials } from "../storage/credentials.ts";
import type { DataPartition } from "../storage/data.ts";
import { type Paths, paths } from "../storage/paths.ts";
import { StorageNews } from "../storage/storage.ts";
import { testVault } from "../storage/test-guard.ts";
import type { Vault } from "../storage/vault.ts";
import { Whereabouts } from "../whereabouts/whereabouts.ts";
import { enrolment } from "./enrolment.ts";

let root: string;
let where: Paths;
let partition: DataPartition;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-enrolment-"));
  where = paths(root);
  partition = folderPartition(where.data.root, `${where.data.root}.key-check`);
  for (const path of [where.esp.metropolis, where.esp.images]) mkdirSync(path, { recursive: true });
  const { curatorSocket, etcdSocket } = where.ephemeral;
  for (const each of [curatorSocket, etcdSocket]) mkdirSync(dirname(each), { recursive: true });
  writeFileSync(join(where.esp.images, "metropolis-a+2-1.efi"), "kernel");
});
afterEach(() => rmSync(root, { recursive: true }));

function writeBootstrapParameters(): void {
  const message = create(NodeParametersSchema, {
    cluster: {
      case: "clusterBootstrap",
      value: {
        ownerPublicKey: new Uint8Array(32).fill(9),
        ownershipSecret: new Uint8Array(32).fill(8),
      },
    },
  });
  writeFileSync(where.esp.parameters, toBinary(NodeParametersSchema, message));
}

interface Boot {
  readonly membership: Value<Credentials>;
  readonly isOpen: Value<boolean>;
  readonly tree: LogTree;
  readonly curatorPort: number;
  readonly signal: AbortSignal;
}

/** One boot of the node, until `check` returns. */
async function boot(
  secret: number,
  check: (boot: Boot) => Promise<void>,
  trace: string[] = [],
): Promise<Vault> {
  rmSync(where.ephemeral.root, { recursive: true, force: true });
  const vault = testVault(where.ephemeral.keys, secret, { trace });
  await start(vault, check, trace);
  return vault;
}

/** One life of the node agent. */
async function start(
  vault: Vault,
  check: (boot: Boot) => Promise<void>,
  trace: string[],
): Promise<void> {
  const [etcdPorts, curatorPort] = [await freePorts(), await freePort()];
  const news = {
    membership: new Value<Credentials>(),
    isOpen: new Value(false),
    roles: new Value<NodeRoles>(),
    lock: new Value<Lock>(),
    whereabouts: new Whereabouts(),
    isClockKept: new Value(true),
    addresses: new Value<readonly string[]>(["127.0.0.1"]),
  };
  const controls = { consensus: new Control<Member>(), curator: new Control<CuratorSettings>() };
  const storage = new StorageNews();
  storage.ground.set({ partition, slot: "a", vault });
  const tree = new LogTree();
  const node = async ({ run, healthy, signal }: Context) => {
    run("trace", async (context) => {
      context.healthy();
      for await (const wanted of controls.consensus.wanted.watch(context.signal)) {
        if (wanted !== null) trace.push("consensus");
      }
    });
    run("consensus", consensus(controls.consensus, { path: ETCD }));
    run("curator", curator(controls.curator, news));
    // No growth here: a folder covers all of its disk.
    const storageLog = tree.logger("root.storage");
    run(
      "enrolment",
      enrolment({
        ...{ ...news, ...controls, storage, storageLog, etcdPorts, curatorPort },
        paths: where,
        etcdutl: "etcdutl",
        parameterSources: [],
      }),
    );
    const known = () => {
      const id = news.membership.current?.nodeId ?? "";
      return { seeds: [{ id, target: `127.0.0.1:${curatorPort}` }], members: new Set([id]) };
    };
    const failure = new Value<StartFailure | null>(null);
    const plane = { ...news, ...controls, failure, etcdPorts, curatorPort, known, paths: where };
    run("controlplane", controlPlane(plane));
    healthy();
    await sleep(600_000, signal);
  };
  const supervisor = new Supervisor(node, { tree });
  supervisor.start();
  try {
    await check({ ...news, tree, curatorPort, signal: AbortSignal.timeout(30_000) });
  } catch (error) {
    const { backlog } = tree.read({ dn: "", withChildren: true, backlog: "all" });
    for (const entry of backlog.filter(({ dn }) => dn !== "root.consensus")) console.log(entry);
    throw new TypeError(errorText(error), { cause: error });
  } finally {
    await supervisor.stop();
  }
}

/** Waits for a line of enrolment; throws the signal's reason when that comes first. */
async function line(tree: LogTree, text: string, signal: AbortSignal): Promise<void> {
  const read = { dn: "root.enrolment", backlog: "all", stream: true } as const;
  const { backlog, stream } = tree.read(read);
  const has = (entry: unknown) => JSON.stringify(entry).includes(text);
  signal.addEventListener("abort", () => stream.close(), { once: true });
  if (!backlog.some(has)) for await (const entry of stream) if (has(entry)) break;
  stream.close();
  signal.throwIfAborted();
}

async function enrolled({ membership, tree }: Boot, signal: AbortSignal, flow: string) {
  const own = await membership.first(signal);
  await line(tree, `${flow}: done`, signal);
  return own;
}

test("enrolment bootstraps a cluster, and joins it after a restart and after a reboot", async () => {
  writeBootstrapParameters();
  let first: Credentials | undefined;
  const rejoin = async (running: Boot) => {
    expect(await enrolled(running, running.signal, "Joining")).toEqual(first as Credentials);
    expect(running.isOpen.current).toBe(true);
  };
  const trace: string[] = [];
  const bootstrap = async (running: Boot) => {
    first = await enrolled(running, running.signal, "Bootstrapping");
    const target = `127.0.0.1:${running.curatorPort}`;
    using channel = connect({ target, credentials: memberTls(first) });
    const answer = await channel.client(CuratorLocal).getCACertificate({});
    expect(answer.identityCaCertificate).toEqual(first.ca);
  };
  const vault = await boot(7, bootstrap, trace);
  expect(existsSync(where.esp.parameters)).toBe(false);
  expect(readdirSync(where.esp.images)).toEqual(["metropolis-a.efi"]);
  // The agent ends and starts again in the same boot: nothing is unsealed a second time.
  await start(vault, rejoin, trace);
  expect(trace).toEqual(["shut", "consensus", "seal", "consensus"]);
  trace.length = 0;
  await boot(7, rejoin, trace);
  expect(trace).toEqual(["unseal", "shut", "consensus"]);
}, 120_000);

test("enrolment starts over when it was cut before its commit point", async () => {
  writeBootstrapParameters();
  const ids: string[] = [];
  for (const _ of ["cut", "whole"]) {
    await boot(7, async (running) => {
      ids.push((await enrolled(running, running.signal, "Bootstrapping")).nodeId);
    });
    if (ids.length > 1) break;
    // As if the power had gone just before the sealed configuration was written.
    rmSync(where.esp.sealedConfiguration);
    writeBootstrapParameters();
  }
  expect(new Set(ids).size).toBe(2);
}, 90_000);

test("enrolment refuses the disk of another machine, and says what to do", async () => {
  writeBootstrapParameters();
  await boot(7, async (running) => {
    await enrolled(running, running.signal, "Bootstrapping");
  });
  const trace: string[] = [];
  const refused = async ({ tree, signal, membership }: Boot) => {
    await line(tree, "The node cannot start: unsealing the node's configuration", signal);
    expect(membership.current).toBeUndefined();
  };
  await boot(8, refused, trace);
  // Shut after the failure too, so that nothing that comes later gets another chance.
  expect(trace.slice(0, 2)).toEqual(["unseal", "shut"]);
  expect(trace).not.toContain("consensus");
}, 90_000);

test("enrolment begins no other cluster in a boot that has opened the keys of one", async () => {
  writeBootstrapParameters();
  await boot(7, async (running) => {
    await enrolled(running, running.signal, "Bootstrapping");
  });
  const vault = await boot(7, async (running) => {
    await enrolled(running, running.signal, "Joining");
  });
  // As if somebody changed the disk under the running machine, then made the agent crash.
  rmSync(where.esp.sealedConfiguration);
  writeBootstrapParameters();
  const refused = ({ tree, signal }: Boot) =>
    line(tree, "this boot has opened the keys of another installation", signal);
  await start(vault, refused, []);
}, 120_000);

test("enrolment without parameters says so, and shuts the keys away all the same", async () => {
  const trace: string[] = [];
  await boot(7, ({ tree, signal }) => line(tree, "there are no node parameters", signal), trace);
  expect(trace).toEqual(["shut"]);
});
