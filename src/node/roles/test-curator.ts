// A program that stands for the curator in tests: it takes its settings like the real
// one, serves the node's socket, and tells in its log what it was told.
import { createInterface } from "node:readline";
import { encodeEntry, LogTree } from "../../base/logtree/logtree.ts";
import { serve, service } from "../../base/rpc/rpc.ts";
import { CuratorBootstrap } from "../../gen/metropolis/node/core/curator/proto/local/bootstrap_pb.ts";

const tree = new LogTree();

/** Says something at the DN it was given, as a line on its standard output. */
function tell(dn: string, text: string): void {
  tree.logger(dn).info(text);
  const [entry] = tree.read({ dn, backlog: 1 }).backlog;
  if (entry !== undefined) process.stdout.write(`${encodeEntry(entry)}\n`);
}

async function main(): Promise<void> {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { socket, dn, nodeId } = JSON.parse((await lines.next()).value ?? "{}");
  const open = async () => {
    tell(dn, "was opened");
    return {};
  };
  await serve({
    services: [service(CuratorBootstrap, { open })],
    authorize: () => {},
    listen: { unix: socket },
  });
  tell(dn, `is the curator of ${nodeId}`);
  for await (const line of { [Symbol.asyncIterator]: () => lines }) {
    const { addresses } = JSON.parse(line);
    if (addresses[0] === "crash") process.exit(3);
    if (addresses.length > 0) tell(dn, `is at ${addresses.join(", ")}`);
  }
}

if (import.meta.main) await main();
