// The node's own API as a process: what a node serves on port 7839, without the
// rest of the node. Told by a line of JSON on stdin where its files lie, which port to
// serve and who owns it; it logs to stdout, and ends with its stdin.
import { createInterface } from "node:readline";
import { Value } from "../../src/base/event/event.ts";
import { encodeEntry, LogTree } from "../../src/base/logtree/logtree.ts";
import { certificatePem, privateKeyPem } from "../../src/base/pki/keys.ts";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { api, type NodeCredentials } from "../../src/node/api/api.ts";
import { loadCredentials } from "../../src/node/storage/credentials.ts";
import { paths } from "../../src/node/storage/paths.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { root, port, owner: hex } = JSON.parse((await lines.next()).value ?? "");
const own = await loadCredentials(paths(root).data.credentials);
const credentials = new Value<NodeCredentials>({
  ca: own.ca,
  certificatePem: certificatePem(own.certificate),
  keyPem: privateKeyPem(own.keyPair),
});
const tree = new LogTree();
const { stream } = tree.read({ dn: "", withChildren: true, stream: true });
const owner = new Value(Uint8Array.fromHex(hex));
const nothing = new Value(null);
const wrong = { troubles: new Value<readonly string[]>([]), failure: nothing, member: nothing };
new Supervisor(api({ credentials, owner, tree, wrong, power: () => {}, port }), { tree }).start();
void lines.next().then(() => process.exit(0));
for await (const entry of stream) process.stdout.write(`${encodeEntry(entry)}\n`);
