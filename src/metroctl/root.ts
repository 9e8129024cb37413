// The tree of commands. Every leaf is loaded only when it is the one asked for,
// so that starting metroctl costs nothing but its own few lines.
import { type CommandDef, defineCommand } from "citty";

/** A command with nothing of its own but those below it. */
function group(
  name: string,
  description: string,
  below: Record<string, () => Promise<CommandDef>>,
) {
  return defineCommand({ meta: { name, description }, subCommands: below });
}

type Module = { readonly default: unknown };

/** The command in a lazily imported file. citty's types do not unify over arguments, its values do. */
function from(load: () => Promise<Module>): () => Promise<CommandDef> {
  return async () => (await load()).default as CommandDef;
}

const add = async () =>
  group("add", "Give something to nodes", {
    role: from(() => import("./commands/node/add/role.ts")),
  });

const remove = async () =>
  group("remove", "Take something from nodes", {
    role: from(() => import("./commands/node/remove/role.ts")),
  });

const install = async () =>
  group("install", "Prepare the installation of nodes", {
    genusb: from(() => import("./commands/install/genusb.ts")),
  });

const node = async () =>
  group("node", "Look at nodes and change them", {
    list: from(() => import("./commands/node/list.ts")),
    describe: from(() => import("./commands/node/describe.ts")),
    logs: from(() => import("./commands/node/logs.ts")),
    label: from(() => import("./commands/node/label.ts")),
    decommission: from(() => import("./commands/node/decommission.ts")),
    delete: from(() => import("./commands/node/delete.ts")),
    reboot: from(() => import("./commands/node/reboot.ts")),
    poweroff: from(() => import("./commands/node/poweroff.ts")),
    add,
    remove,
  });

const ticket = async () =>
  group("ticket", "The ticket that machines register with", {
    show: from(() => import("./commands/cluster/ticket/show.ts")),
    rotate: from(() => import("./commands/cluster/ticket/rotate.ts")),
  });

const owner = async () =>
  group("owner", "Who owns the cluster", {
    rotate: from(() => import("./commands/cluster/owner/rotate.ts")),
  });

const configure = async () =>
  group("configure", "Look at the cluster's configuration and change it", {
    get: from(() => import("./commands/cluster/configure/get.ts")),
    set: from(() => import("./commands/cluster/configure/set.ts")),
  });

const cluster = async () =>
  group("cluster", "Own a cluster, or run one on this machine", {
    takeownership: from(() => import("./commands/takeownership.ts")),
    show: from(() => import("./commands/cluster/show.ts")),
    configure,
    owner,
    ticket,
    backup: from(() => import("./commands/cluster/backup.ts")),
    recover: from(() => import("./commands/cluster/recover.ts")),
    restore: from(() => import("./commands/cluster/restore.ts")),
    create: from(() => import("./commands/cluster/create.ts")),
    list: from(() => import("./commands/cluster/list.ts")),
    start: from(() => import("./commands/cluster/start.ts")),
    console: from(() => import("./commands/cluster/console.ts")),
    destroy: from(() => import("./commands/cluster/destroy.ts")),
  });

const context = async () =>
  group("context", "Choose between clusters", {
    list: from(() => import("./commands/context/list.ts")),
    use: from(() => import("./commands/context/use.ts")),
    remove: from(() => import("./commands/context/remove.ts")),
  });

const k8s = async () =>
  group("k8s", "Use the cluster's Kubernetes", {
    configure: from(() => import("./commands/k8s/configure.ts")),
  });

/** `metroctl` itself. */
export const root: CommandDef = defineCommand({
  meta: { name: "metroctl", description: "Install, own and manage Metropolis clusters" },
  subCommands: {
    install,
    takeownership: from(() => import("./commands/takeownership.ts")),
    approve: from(() => import("./commands/approve.ts")),
    node,
    cluster,
    context,
    k8s,
    k8scredplugin: from(() => import("./commands/k8scredplugin.ts")),
    handbook: from(() => import("./commands/handbook.ts")),
    completion: async () => (await import("./commands/completion.ts")).completion(root),
    version: from(() => import("./commands/version.ts")),
  },
});
