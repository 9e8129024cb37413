// Tests of the curator as a child, with a small program in its place.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { issueCa, issueNode, validFor } from "../../base/pki/certificate.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { ETCD_PORTS } from "../consensus/config.ts";
import { Control } from "../control/control.ts";
import { type Credentials, makeCredentials } from "../storage/credentials.ts";
import { type Paths, paths } from "../storage/paths.ts";
import { curator, persist } from "./curator.ts";
import { type CuratorSettings, curatorSettings } from "./settings.ts";

const command = { argv: [process.execPath, join(import.meta.dir, "test-curator.ts")] };

let root: string;
let where: Paths;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-curator-"));
  where = paths(root);
  mkdirSync(dirname(where.ephemeral.curatorSocket), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

async function someCredentials(): Promise<Credentials> {
  const [caKey, keyPair] = [generateKeyPair(), generateKeyPair()];
  const certificate = await issueCa(caKey);
  const issuer = { keyPair: caKey, certificate };
  const own = await issueNode(issuer, keyPair.publicKey, validFor(30));
  return makeCredentials(keyPair, own, certificate);
}

/** A curator under a supervisor, asked for and answering. */
async function start() {
  const control = new Control<CuratorSettings>();
  const news = {
    membership: new Value<Credentials>(),
    isOpen: new Value(false),
    addresses: new Value<readonly string[]>([]),
  };
  const supervisor = new Supervisor(curator(control, news, { command }), {
    rootDn: "root.curator",
  });
  supervisor.start();
  const socket = where.ephemeral.etcdSocket;
  const member = { nodeId: "metropolis-1", data: where.data, ports: ETCD_PORTS, socket };
  const signal = AbortSignal.timeout(10_000);
  await control.start(curatorSettings(member, where), signal);
  const said = async (text: string) => {
    const read = { dn: "root.curator", backlog: "all", stream: true } as const;
    const { backlog, stream } = supervisor.tree.read(read);
    const has = (entry: unknown) => JSON.stringify(entry).includes(text);
    if (!backlog.some(has)) for await (const entry of stream) if (has(entry)) break;
    stream.close();
  };
  return { control, news, said, signal, [Symbol.asyncDispose]: () => supervisor.stop() };
}

test("curator gets its settings and takes part in the node's log", async () => {
  await using running = await start();
  await running.said("is the curator of metropolis-1");
});

test("curator hears of each new address of the node", async () => {
  await using running = await start();
  running.news.addresses.set(["10.1.0.2", "fd00::2"]);
  await running.said("is at 10.1.0.2, fd00::2");
});

test("curator is opened once the node has credentials, not before", async () => {
  await using running = await start();
  expect(running.news.isOpen.current).toBe(false);
  running.news.membership.set(await someCredentials());
  await running.news.isOpen.first(running.signal, (open) => open);
  await running.said("was opened");
});

test("curator that crashed is started and opened again", async () => {
  await using running = await start();
  const { membership, isOpen, addresses } = running.news;
  membership.set(await someCredentials());
  await isOpen.first(running.signal, (open) => open);
  addresses.set(["crash"]);
  await isOpen.first(running.signal, (open) => !open);
  addresses.set(["10.1.0.2"]);
  await isOpen.first(running.signal, (open) => open);
});

test("persist asks again while nobody answers, and gives up on any other answer", async () => {
  const codes = [Code.unavailable, Code.unavailable, Code.invalidArgument];
  let asked = 0;
  const call = async () => {
    const code = codes[asked] ?? Code.ok;
    asked += 1;
    throw new RpcError(code, "no");
  };
  await expect(persist(AbortSignal.timeout(5_000), call)).rejects.toThrow("no");
  expect(asked).toBe(3);
});
