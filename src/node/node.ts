// The node agent: everything that runs on a node runs below it. Here its parts are put
// together, and nothing else happens.
//
//   root ─┬─ console, kernel            what a person sees, what the kernel says
//         ├─ network ── time            addresses ─────────────────────────┐
//         ├─ storage                    disk, ESP, TPM ─┐                 │
//         ├─ enrolment  ◄───────────────────────────────┘                 │
//         │     ├─ wants ─► consensus, curator                            │
//         │     └─ membership ─┬─► curator opens port 7835 ─► roles ◄─────┤
//         └─ api  ◄────────────┘   port 7839                              ▼
//
// Parts meet through values, never by calling each other. Exit codes tell init what is
// next: 64 reboot, 65 power off, anything else starts this program again.
import { Value, within } from "../base/event/event.ts";
import { forbidDumps } from "../base/linux/prctl.ts";
import { errorText, LogTree } from "../base/logtree/logtree.ts";
import { certificatePem, privateKeyPem } from "../base/pki/keys.ts";
import { describePrivileges } from "../base/process/process.ts";
import { type Context, type Runnable, Supervisor } from "../base/supervisor/supervisor.ts";
import type { NodeRoles } from "../gen/metropolis/proto/common/common_pb.ts";
import { api, type NodeCredentials, type PowerRequest } from "./api/api.ts";
import type { Member } from "./consensus/config.ts";
import { consensus, type StartFailure } from "./consensus/consensus.ts";
import { reserve } from "./consensus/reserve.ts";
import { Control } from "./control/control.ts";
import { Troubles } from "./control/troubles.ts";
import { enrolment } from "./enrolment/enrolment.ts";
import { type Host, hostOf } from "./host/host.ts";
import { formatVersion } from "./host/version.ts";
import { inheritLog } from "./inherited-log.ts";
import { hosts, type Names } from "./network/hosts.ts";
import { type NetworkStatus, noNetwork } from "./network/network.ts";
import { type Lock, recovery } from "./recovery/recovery.ts";
import { knownAt } from "./roles/connection.ts";
import { controlPlane } from "./roles/control-plane.ts";
import { curator } from "./roles/curator.ts";
import { roles } from "./roles/roles.ts";
import type { CuratorSettings } from "./roles/settings.ts";
import { twins } from "./roles/twins.ts";
import { directoryNames } from "./roles/watch.ts";
import type { Credentials } from "./storage/credentials.ts";
import type { Paths } from "./storage/paths.ts";
import { dataRoom } from "./storage/room.ts";
import { StorageNews } from "./storage/storage.ts";
import { Whereabouts } from "./whereabouts/whereabouts.ts";

/** By these init knows what the machine shall do. */
const EXIT_CODES: Readonly<Record<PowerRequest, number>> = { reboot: 64, powerOff: 65 };

/** How long an orderly end may take before init ends it the other way. */
const STOP_MS = 20_000;
const CURATOR_STOP_MS = 5_000;

/** What the parts tell each other. */
class News {
  readonly network = new Value<NetworkStatus>(noNetwork);
  readonly addresses = new Value<readonly string[]>([]);
  readonly storage = new StorageNews();
  readonly troubles = new Troubles();
  readonly isClockKept = new Value<boolean>();
  readonly consensus = new Control<Member>();
  readonly failure = new Value<StartFailure | null>(null);
  readonly curator = new Control<CuratorSettings>();
  readonly membership = new Value<Credentials>();
  readonly apiCredentials = new Value<NodeCredentials>();
  readonly isOpen = new Value(false);
  readonly roles = new Value<NodeRoles>();
  readonly names = new Value<Names>();
  readonly lock = new Value<Lock>();
  readonly isReached = new Value(false);
  readonly owner = new Value<Uint8Array>();
  readonly whereabouts: Whereabouts;

  constructor({ esp }: Paths) {
    this.whereabouts = new Whereabouts(directoryNames(esp.clusterDirectory));
  }
}

/** The life of the node agent; without arguments on a machine of its own. */
export async function main(args: readonly string[]): Promise<void> {
  forbidDumps();
  const host = hostOf(args);
  const tree = new LogTree();
  void inheritLog(process.stdin, tree);
  host.prepare();
  await host.confine(tree.logger("root"));
  const ending = new Value<number>();
  const news = new News(host.paths);
  const power = (request: PowerRequest) => ending.set(EXIT_CODES[request]);
  const supervisor = new Supervisor(node(host, news, power), { tree });
  process.on("SIGTERM", () => ending.set(0));
  supervisor.start();
  const code = await ending.first(new AbortController().signal);
  await stop(supervisor, host, tree);
  process.exit(code);
}

/** Ends everything in order, so that the next boot finds clean file systems. */
async function stop(supervisor: Supervisor, host: Host, tree: LogTree): Promise<void> {
  const log = tree.logger("root");
  log.info("Stopping");
  const steps = [() => supervisor.stop(STOP_MS), () => host.release()];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      // The machine goes down all the same; init ends and unmounts what is left.
      log.error(`Stopping in order failed: ${errorText(error)}`);
    }
  }
}

/** The root runnable. */
function node(host: Host, news: News, power: (request: PowerRequest) => void): Runnable {
  return async (context) => {
    const { log, healthy, signal, run } = context;
    log.info(`Metropolis ${formatVersion(host.version)} starts`);
    log.info(`node runs as ${describePrivileges(process.pid)}`);
    for (const [name, part] of Object.entries(host.parts(news))) run(name, part);
    runCluster(host, context, news, power);
    context.run("translate", translate(news));
    healthy();
    await within(Promise.withResolvers<never>().promise, signal);
  };
}

/** What makes it a node. */
function runCluster(
  { paths, version, bootId, hasMesh, etcdutl, etcd: program, curator: curatorProgram }: Host,
  { run, tree }: Context,
  news: News,
  power: (request: PowerRequest) => void,
) {
  const { membership, isOpen, addresses, consensus: etcd, curator: member } = news;
  const { lock, isReached, names, owner: user, failure } = news;
  const { roles: ownRoles, storage, whereabouts } = news;
  const held = { lock, storage, whereabouts };
  const common = { paths, membership, isOpen, addresses, roles: ownRoles, ...held };
  const owner = program.owner === undefined ? {} : { etcdOwner: program.owner };
  const controls = { consensus: etcd, curator: member, ...owner };
  const known = () => {
    // What its own curator says, it has from the etcd of this node.
    const own = isOpen.current === true ? membership.current?.nodeId : undefined;
    return knownAt(paths.esp.clusterDirectory, own, (id) => whereabouts.candidates(id));
  };
  run("consensus", consensus(etcd, { ...program, unused: () => curatorEnded(member) }, failure));
  run("reserve", reserve(etcd, isReached));
  run("curator", curator(member, common, curatorProgram));
  run(
    "enrolment",
    enrolment({
      ...common,
      ...controls,
      etcdutl,
      isClockKept: news.isClockKept,
      storageLog: tree.logger("root.storage"),
    }),
  );
  run(
    "roles",
    roles({
      ...common,
      known,
      owner: user,
      consensus: etcd,
      failure,
      names,
      isReached,
      troubles: news.troubles.all,
      noteMesh: (sentences) => news.troubles.note("mesh", sentences),
      hasMesh,
      version,
      bootId,
    }),
  );
  run("controlplane", controlPlane({ ...common, ...controls, failure, known }));
  run("twins", twins({ membership, whereabouts, troubles: news.troubles }));
  run("recovery", recovery({ lock, isReached, addresses, whereabouts }));
  const { troubles } = news;
  run("room", dataRoom({ root: paths.data.root, mounted: storage.mounted, troubles }));
  run("hosts", hosts(names, paths.ephemeral.hosts));
  const wrong = { troubles: news.troubles.all, failure, member: etcd.wanted };
  run("api", api({ credentials: news.apiCredentials, owner: user, tree, power, wrong }));
}

/** The curator gives its leadership back as long as it has an etcd to write that to. */
async function curatorEnded({ running }: Control<CuratorSettings>): Promise<void> {
  const patience = AbortSignal.timeout(CURATOR_STOP_MS);
  await running.first(patience, (settings) => settings === null).catch(() => {});
}

/** Turns news of one part into the words of another, so that neither knows the other. */
function translate({ network: from, addresses, membership, apiCredentials }: News): Runnable {
  return async ({ run, healthy, done }) => {
    run("addresses", async (context) => {
      context.healthy();
      for await (const { addresses: next } of from.watch(context.signal)) {
        if (next.join() !== addresses.current?.join()) addresses.set(next);
      }
    });
    run("credentials", async (context) => {
      context.healthy();
      for await (const own of membership.watch(context.signal)) {
        apiCredentials.set({
          ca: own.ca,
          certificatePem: certificatePem(own.certificate),
          keyPem: privateKeyPem(own.keyPair),
        });
      }
    });
    healthy();
    done();
  };
}
