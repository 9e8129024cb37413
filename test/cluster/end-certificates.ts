// A program that runs in a node's network: as years without power would, lets the certificates
// of nodes end that the cluster remembers. Prints what the nodes then have, as JSON: PEM by ID.
// Arguments: the folder of a consensus member, its ID, and the hexadecimal keys of nodes.
import { etcdStore } from "../../src/base/etcd/etcd.ts";
import { issueNode, validFor } from "../../src/base/pki/certificate.ts";
import { certificatePem, keyPairFromSeed } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { keys } from "../../src/curator/state/keys.ts";
import { ETCD_PORTS } from "../../src/node/consensus/config.ts";
import { connectEtcd } from "../../src/node/consensus/connection.ts";
import { paths } from "../../src/node/storage/paths.ts";

const DAYS_AGO = 200;

const [folder = "/", self = "", ...publicKeys] = process.argv.slice(2);
using channel = await connectEtcd({ nodeId: self, data: paths(folder).data, ports: ETCD_PORTS });
const store = etcdStore(channel, "namespaced:curator/");
const valueAt = async (key: string) => (await store.get(key))?.value ?? new Uint8Array();
const seed = (await valueAt(keys.privateKey("cluster-ca"))).slice(0, 32);
const certificate = await valueAt(keys.certificate("cluster-ca"));
const ca = { keyPair: keyPairFromSeed(seed), certificate };

const ended: Record<string, string> = {};
for (const publicKey of publicKeys.map((text) => Uint8Array.fromHex(text))) {
  const id = nodeId(publicKey);
  const der = await issueNode(ca, publicKey, validFor(-DAYS_AGO));
  await store.put(keys.certificate(`node-${id}`), der);
  ended[id] = certificatePem(der);
}
process.stdout.write(JSON.stringify(ended));
