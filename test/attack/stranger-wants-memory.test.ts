// A stranger who reaches the ports of a node: 7835 (Cluster API), 7839 (the node's own) and
// 7847 (recovery). He sends as much as he can get read, and wants the memory of the machine.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { ClientHttp2Session } from "node:http2";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sleep } from "../../src/base/event/event.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { type Dialog, startDialog } from "../../src/base/process/process.ts";
import { Management, NodeManagement } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { freePort } from "../../src/node/consensus/test-etcd.ts";
import { ControlPlane, controlPlane, type Proof } from "../cluster/control-plane.ts";
import { residentMib, settle } from "../cluster/support.ts";
import { beginCall, bigMessage, botAddress, secureSocket, session } from "./strangers.ts";

const DEADLINE_MS = 10_000;
/** What a stranger may cost for a while: connections, and the garbage that they leave. */
const WORTH_MIB = 100;
const CALLS = 60;
const CALL_BYTES = 4 << 20;
/** Much more than what is allowed, and what the kernel may hold on the way. */
const FLOOD_MIB = 40;

const doors = ["api", "node", "recovery"] as const;
type Door = (typeof doors)[number];

/** Where anyone is let in as far as that his request is read. */
const paths: Readonly<Record<Door, string>> = {
  api: "/metropolis.node.core.curator.proto.api.CuratorLocal/GetCACertificate",
  node: "/grpc.health.v1.Health/Check",
  recovery: "/metropolis.node.core.recovery.Recovery/GetShare",
};

let plane: ControlPlane;
let locked: Dialog;
const ports = { api: 0, node: 0, recovery: 0 };
const pids = { api: 0, node: 0, recovery: 0 };
const sessions: ClientHttp2Session[] = [];
let proof: Proof;

beforeAll(async () => {
  const key = generateKeyPair();
  proof = ControlPlane.proof(key, await selfSigned(key));
  plane = await controlPlane();
  const recovery = await freePort();
  const said: string[] = [];
  locked = startDialog({
    argv: [process.execPath, join(import.meta.dirname, "locked-node.ts")],
    onStdout: (line) => said.push(line),
    onStderr: (line) => console.error(line),
  });
  locked.send(String(recovery));
  await settle("the locked node", 20_000, () => said.includes("serving"));
  Object.assign(ports, plane.ports, { recovery });
  Object.assign(pids, { api: plane.pids.curator, node: plane.pids.node, recovery: locked.pid });
});
afterAll(async () => {
  locked?.kill("SIGKILL");
  await plane?.[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const http2 of sessions.splice(0)) http2.destroy();
});

async function open(door: Door, address: string): Promise<ClientHttp2Session> {
  const http2 = await session(ports[door], address, proof);
  if (http2 === undefined) throw new Error("not let in");
  sessions.push(http2);
  return http2;
}

/** What a process grows by while something is done to it, at most. */
async function growthMib(door: Door, attack: () => Promise<unknown>): Promise<number> {
  const before = residentMib(pids[door]);
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, residentMib(pids[door]));
  }, 20);
  try {
    await attack();
    // The owner and, at the locked node, its peers are still served.
    if (door !== "recovery") await ownerIsServed(door);
    await sleep(500);
  } finally {
    clearInterval(timer);
  }
  return most - before;
}

async function ownerIsServed(door: "api" | "node"): Promise<void> {
  using channel = plane.connect(ports[door], plane.owner());
  const options = { timeoutMs: DEADLINE_MS };
  if (door === "api") await channel.client(Management).getClusterInfo({}, options);
  else for await (const _ of channel.client(NodeManagement).logs(logs, options)) break;
}

const logs = { dn: "root", backlogMode: 3, backlogCount: 1n } as const;

describe.each(doors)("at port %s", (door) => {
  test("a stranger with 60 calls of 4 MiB gets them read nowhere", async () => {
    const message = bigMessage(CALL_BYTES);
    const attack = async () => {
      for (let at = 0; at < CALLS; at += 4) {
        const http2 = await open(door, botAddress(at));
        for (let count = 0; count < 4; count++) {
          // All but the last byte: whoever reads it has to keep it.
          beginCall(http2, paths[door]).write(message.subarray(0, -1));
        }
      }
      await sleep(1_500);
    };
    expect(await growthMib(door, attack)).toBeLessThan(WORTH_MIB);
  });

  test("a stranger who compresses gets nothing unpacked", async () => {
    const packed = gzipSync(Buffer.alloc(0));
    const head = Buffer.from([1, 0, 0, 0, packed.length]);
    const many = Buffer.concat(Array.from({ length: 600 }, () => [head, packed]).flat());
    const attack = async () => {
      for (let at = 0; at < 10; at++) {
        const http2 = await open(door, botAddress(100 + at));
        for (let count = 0; count < 4; count++) {
          beginCall(http2, paths[door], { "grpc-encoding": "gzip" }).write(many);
        }
      }
      await sleep(500);
    };
    expect(await growthMib(door, attack)).toBeLessThan(WORTH_MIB);
  });

  test("a stranger who floods with frames is read at a walking pace", async () => {
    // Frames of an unknown type: nothing that HTTP/2 objects to.
    const frame = Buffer.from([0, 0, 8, 77, 0, 0, 0, 0, 0, ...Buffer.alloc(8)]);
    const frames = Buffer.concat(Array.from({ length: 60_000 }, () => frame));
    const attack = async () => {
      const socket = secureSocket(ports[door], botAddress(200));
      await new Promise((resolve) => socket.once("secureConnect", resolve));
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      for (let count = 0; count < FLOOD_MIB; count++) socket.write(frames);
      await sleep(3_000);
      const left = socket.writableLength;
      socket.destroy();
      expect(left).toBeGreaterThan((FLOOD_MIB / 2) << 20);
    };
    expect(await growthMib(door, attack)).toBeLessThan(WORTH_MIB);
  });
});
