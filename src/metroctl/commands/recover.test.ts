// `metroctl cluster recover` as a person runs it, against nodes that wait locked:
// real TLS with join keys, real boxes.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { selfSigned } from "../../base/pki/certificate.ts";
import { certificatePem, generateKeyPair, privateKeyPem } from "../../base/pki/keys.ts";
import { operatorBox } from "../../base/pki/operator-box.ts";
import { generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import {
  authorizeByOption,
  Code,
  RpcError,
  type Server,
  serve,
  service,
} from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { ensureRecoveryKey } from "../session/recovery-key.ts";
import { TestControlPlane } from "../test-control-plane.ts";

let plane: TestControlPlane;
const nodes: LockedNode[] = [];
beforeEach(async () => {
  plane = await (await new TestControlPlane().start()).own();
});
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.server?.close(0);
  await plane[Symbol.asyncDispose]();
});

const members = ["metropolis-a", "metropolis-b", "metropolis-c"];

class LockedNode {
  readonly key = crypto.getRandomValues(new Uint8Array(32));
  readonly id: string;
  received: Uint8Array | undefined;
  /** Where it was told that others are. */
  readonly introduced = new Map<string, string>();
  server: Server | undefined;
  /** In its box; its own unless a test says otherwise. */
  joinKey = generateKeyPair();
  readonly #proven = this.joinKey;

  constructor(id: string) {
    this.id = id;
  }

  async start(operatorKey: Uint8Array): Promise<string> {
    const view = { clusterUnlockKey: this.key, joinKey: this.joinKey.publicKey };
    const requireLocked = () => {
      if (this.received !== undefined) throw new RpcError(Code.failedPrecondition, "not locked");
    };
    const certificate = await selfSigned(this.#proven);
    this.server = await serve({
      services: [
        service(Recovery, {
          getLock: async () => {
            requireLocked();
            return {
              nodeId: this.id,
              epochs: [{ epoch: 3n, threshold: 0, members }],
              operatorEncryptedClusterUnlockKey: await operatorBox(operatorKey, this.id, view),
            };
          },
          introduce: async ({ members }) => {
            for (const { nodeId, address } of members) this.introduced.set(nodeId, address);
            return { nodeId: this.id };
          },
          unlock: async ({ clusterUnlockKey }) => {
            this.received = clusterUnlockKey;
            return {};
          },
        }),
      ],
      authorize: authorizeByOption(() => plane.ca),
      listen: { host: "127.0.0.1", port: 0 },
      tls: { keyPem: privateKeyPem(this.#proven), certificatePem: certificatePem(certificate) },
    });
    return `127.0.0.1:${this.server.port}`;
  }
}

function locked(id: string): LockedNode {
  const node = new LockedNode(id);
  nodes.push(node);
  return node;
}

const recover = (...addresses: readonly string[]) =>
  plane.metroctl("cluster", "recover", ...addresses);

test("cluster recover gives each node its own key, and says when they are enough", async () => {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const [a, b] = [locked("metropolis-a"), locked("metropolis-b")];
  const outcome = await recover(await a.start(publicKey), await b.start(publicKey));
  expect(outcome).toEqual({
    stdout:
      "Unlocked node metropolis-a\nUnlocked node metropolis-b\n" +
      "The majority of consensus is unlocked: the cluster comes back by itself.\n",
    stderr: "",
    exitCode: 0,
  });
  expect([a.received, b.received]).toEqual([a.key, b.key]);
});

const idOf = (letter: string) => `metropolis-${letter.repeat(32)}`;

test("cluster recover tells nodes where the others are, locked or not, and remembers that", async () => {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const [a, b] = [locked(idOf("a")), locked(idOf("b"))];
  const [first, second] = [await a.start(publicKey), await b.start(publicKey)];
  const at = { [a.id]: "127.0.0.1", [b.id]: "127.0.0.1" };
  a.received = a.key;
  plane.context.saveReach({
    endpoints: ["192.0.2.1"],
    members: [
      { id: a.id, host: "192.0.2.1" },
      { id: idOf("c"), host: "192.0.2.3" },
    ],
  });
  await recover(first, second);
  expect(Object.fromEntries(a.introduced)).toEqual(at);
  expect(Object.fromEntries(b.introduced)).toEqual(at);
  expect(plane.context.reach()).toEqual({
    endpoints: ["127.0.0.1", "192.0.2.1"],
    members: [
      { id: a.id, host: "127.0.0.1" },
      { id: idOf("c"), host: "192.0.2.3" },
    ],
  });
});

test("cluster recover says how many are missing, and why, and may be repeated", async () => {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const [a, b] = [locked("metropolis-a"), locked("metropolis-b")];
  const first = await a.start(publicKey);
  const refused = await recover(first, "127.0.0.1:1");
  expect(refused.stdout).toBe("Unlocked node metropolis-a\n");
  const [title, failure] = refused.stderr.split("\n  ");
  expect(title).toBe("Error: 1 more consensus member must be unlocked, give their addresses");
  expect(failure).toStartWith("127.0.0.1:1: ");
  expect(refused.exitCode).toBe(1);
  const again = await recover(first, await b.start(publicKey));
  expect(again.stdout).toStartWith(`${first} is not locked\nUnlocked node metropolis-b\n`);
  expect(again.exitCode).toBe(0);
});

test("cluster recover claims no majority where nobody tells how many members there are", async () => {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const first = await locked("metropolis-a").start(publicKey);
  const offline = ["127.0.0.1:1", "127.0.0.1:2"];
  expect((await recover(first, ...offline)).exitCode).toBe(1);
  const again = await recover(first, ...offline);
  expect(again.stdout).toBe(`${first} is not locked\n`);
  expect(again.stderr).toContain("1 more consensus member must be unlocked");
  expect(again.exitCode).toBe(1);
});

test("cluster recover gives no key to a machine that only has the disk", async () => {
  const { publicKey } = ensureRecoveryKey(plane.context);
  const thief = locked("metropolis-a");
  thief.joinKey = generateKeyPair();
  const { stdout, stderr, exitCode } = await recover(await thief.start(publicKey));
  expect(stderr).toContain("it says that it is node metropolis-a, and cannot prove it");
  expect([stdout, exitCode, thief.received]).toEqual(["", 1, undefined]);
});

test("cluster recover tells of the wrong key, and of none", async () => {
  const { stderr } = await recover("127.0.0.1:1");
  expect(stderr).toContain("has no recovery-key.txt: use the machine and context");
  ensureRecoveryKey(plane.context);
  const other = await recover(await locked("metropolis-a").start(generateBoxKeyPair().publicKey));
  expect(other.stderr).toContain("recovery-key.txt does not open node metropolis-a");
  const none = await recover(await locked("metropolis-b").start(new Uint8Array()));
  expect(none.stderr).toContain("node metropolis-b holds nothing for an operator");
  expect(nodes.every(({ received }) => received === undefined)).toBe(true);
});
