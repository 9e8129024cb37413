// A program that runs in a node's network: connects to the etcd of another member, where
// only members may, with the certificate of the node; asks something, waits until the
// connection ends, and comes again. Prints a word at each step.
// Arguments: the node's folder, and the address of the other member.
import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { ETCD_PORTS } from "../../src/node/consensus/config.ts";
import { paths } from "../../src/node/storage/paths.ts";

const [folder = "/", host = ""] = process.argv.slice(2);
const { certificate, key, ca } = paths(folder).data.etcdPeer;
const [cert, pem, authority] = [certificate, key, ca].map((file) => readFileSync(file));

/** A connection, and whether etcd answered a question over it. */
async function visit(): Promise<{ readonly socket: TLSSocket; readonly isAnswered: boolean }> {
  const socket = connect({
    ...{ host, port: ETCD_PORTS.peer },
    ...{ cert, key: pem, ca: authority },
    // The names in the certificate are those of nodes.
    checkServerIdentity: () => undefined,
  });
  const isAnswered = await new Promise<boolean>((resolve) => {
    socket.on("data", () => resolve(true));
    socket.on("close", () => resolve(false));
    socket.on("error", () => {});
    socket.write(`GET /version HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
  return { socket, isAnswered };
}

const { socket, isAnswered } = await visit();
console.log(isAnswered ? "answered" : "refused");
await new Promise<void>((resolve) => {
  if (socket.closed) resolve();
  else socket.on("close", () => resolve());
});
console.log("ended");
console.log((await visit()).isAnswered ? "answered" : "refused");
process.exit(0);
