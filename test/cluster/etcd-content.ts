// A program that runs in a node's network: prints what the etcd there holds, as JSON.
// Arguments: the node's folder and its ID.
import { etcdMembers, etcdStore } from "../../src/base/etcd/etcd.ts";
import { ETCD_PORTS } from "../../src/node/consensus/config.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { paths } from "../../src/node/storage/paths.ts";

const [folder = "/", nodeId = ""] = process.argv.slice(2);
using channel = await connectEtcd({ nodeId, data: paths(folder).data, ports: ETCD_PORTS });
const { items } = await etcdStore(channel).range("", { keysOnly: true });
const members = await etcdMembers(channel).list();
process.stdout.write(
  JSON.stringify({ keys: items.map(({ key }) => key), members: members.map(({ name }) => name) }),
);
