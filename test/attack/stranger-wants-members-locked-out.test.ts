// A stranger who reaches the port of the Cluster API, from one address or many. He wants that
// members, the owner and new machines find no room there.
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { sleep } from "../../src/base/event/event.ts";
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { Code, RpcError, usualLimits } from "../../src/base/rpc/rpc.ts";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
} from "../../src/gen/grpc/reflection/v1/reflection_pb.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { ControlPlane, controlPlane } from "../cluster/control-plane.ts";
import { cpuMs, openFiles, PATIENCE_MS, settle } from "../cluster/support.ts";
import {
  beginCall,
  botAddress,
  during,
  halfHandshake,
  secureSocket,
  session,
  silentSocket,
} from "./strangers.ts";

/** What the owner's and a machine's calls have: what their programs wait for at least. */
const DEADLINE_MS = 10_000;
/** Well before the time that a handshake has is over. */
const AT_ONCE_MS = 5_000;
/** What many questions may cost whoever does not answer them: he has to read them. */
const READING_MS = 1_000;
/** Connections that flood, for how long, and what of each is read before it is counted. */
const FLOODS = 24;
const FLOOD_MS = 1_500;
const CHUNKS = FLOODS * (64 << 10);
const LEADER = "/metropolis.node.core.curator.proto.api.CuratorLocal/GetCurrentLeader";

let plane: ControlPlane;
const sockets: Socket[] = [];
const sessions: ClientHttp2Session[] = [];

beforeAll(async () => {
  plane = await controlPlane();
});
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const http2 of sessions.splice(0)) http2.destroy();
});

/** The owner dials anew and calls. */
async function ownerIsServed(): Promise<void> {
  using channel = plane.connect(plane.ports.api, plane.owner());
  await channel.client(Management).getClusterInfo({}, { timeoutMs: DEADLINE_MS });
}

/** A machine asks for admission; that its ticket is judged means that there was room. */
async function machineIsServed(): Promise<void> {
  const key = generateKeyPair();
  using channel = plane.connect(plane.ports.api, ControlPlane.proof(key, await selfSigned(key)));
  const request = { registerTicket: new Uint8Array(9), joinKey: key.publicKey };
  const call = channel.client(Curator).registerNode(request, { timeoutMs: DEADLINE_MS });
  const code = await call.then(
    () => Code.ok,
    (error: unknown) => (error instanceof RpcError ? error.code : error),
  );
  expect(code).toBe(Code.permissionDenied);
}

async function everybodyIsServed(): Promise<void> {
  await ownerIsServed();
  await machineIsServed();
}

/** Five connections with as many calls as they may have, which say nothing. */
async function takeCalls(address: string): Promise<void> {
  const opened = await Promise.all([1, 2, 3, 4, 5].map(() => session(plane.ports.api, address)));
  for (const http2 of opened) {
    if (http2 === undefined) continue;
    sessions.push(http2);
    for (let count = 0; count < 210; count++) beginCall(http2, LEADER);
  }
  // Who was not let in at all has attacked nothing.
  expect(sessions).not.toEqual([]);
  await sleep(200);
}

test("a stranger with five connections of 210 calls locks out no machine of another address", async () => {
  await takeCalls(botAddress(1));
  await everybodyIsServed();
});

test("nor one of his own address", async () => {
  await takeCalls("127.0.0.1");
  await everybodyIsServed();
});

test("strangers at fifty addresses who take all calls that there are lock out nobody", async () => {
  const attack = async () => {
    const all = Array.from({ length: 50 }, (_, at) => session(plane.ports.api, botAddress(at)));
    for (const http2 of await Promise.all(all)) {
      if (http2 === undefined) continue;
      sessions.push(http2);
      for (let count = 0; count < 20; count++) beginCall(http2, LEADER);
    }
  };
  await attack();
  expect(sessions).not.toEqual([]);
  await during(attack, async () => {
    for (let count = 0; count < 3; count++) await everybodyIsServed();
  });
});

test.each([
  ["never begin TLS", silentSocket],
  ["begin it and do not go on", halfHandshake],
])("a stranger whose sockets %s takes no member's place", async (_, open) => {
  const before = openFiles(plane.pids.curator);
  const { handshakes, handshakesPerAddress } = usualLimits;
  const more = () => openFiles(plane.pids.curator) - before;
  for (let count = 0; count < 500; count++) {
    sockets.push(open(plane.ports.api, botAddress(7)));
    if (count % 50 === 49) await sleep(20);
  }
  // He keeps his newest, and nobody is in his way but himself.
  await settle("his oldest to go", AT_ONCE_MS, () => more() <= handshakesPerAddress + 10);
  await everybodyIsServed();
  // The same from many addresses: all together they have so many places, and no more.
  for (let count = 0; count < 800; count++) {
    sockets.push(open(plane.ports.api, botAddress(count)));
    if (count % 50 === 49) await sleep(20);
  }
  await everybodyIsServed();
  await settle("the oldest of all to go", AT_ONCE_MS, () => more() <= handshakes + 10);
});

test("strangers at a thousand addresses who stay connected put each other out, nobody else", async () => {
  using member = plane.connect(plane.ports.api, plane.owner());
  const ask = () => member.client(Management).getClusterInfo({}, { timeoutMs: DEADLINE_MS });
  await ask();
  const before = openFiles(plane.pids.curator);
  for (let count = 0; count < 700; count++) {
    sockets.push(secureSocket(plane.ports.api, botAddress(count)));
    if (count % 50 === 49) await sleep(100);
  }
  await everybodyIsServed();
  await ask();
  const more = openFiles(plane.pids.curator) - before;
  expect(more).toBeLessThanOrEqual(usualLimits.strangers + usualLimits.handshakes + 10);
});

test("a stranger who sends the head of a call byte by byte keeps nobody out", async () => {
  for (let count = 0; count < 60; count++) {
    const socket = secureSocket(plane.ports.api, botAddress(3));
    sockets.push(socket);
    // The preface, settings, and a HEADERS frame that does not come.
    socket.once("secureConnect", () => {
      socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      socket.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0x40, 0, 1, 0));
    });
  }
  await sleep(200);
  await everybodyIsServed();
});

test("a stranger who dials as often as he can keeps nobody out", async () => {
  let opened = 0;
  const attack = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = 20;
    for (let count = 0; count < 20; count++) {
      const socket = secureSocket(plane.ports.api, botAddress(9));
      socket.once("secureConnect", () => {
        opened++;
        socket.destroy();
      });
      socket.once("close", () => {
        if (--left === 0) resolve();
      });
    }
    await promise;
  };
  await during(attack, async () => {
    for (let count = 0; count < 5; count++) {
      await everybodyIsServed();
      await sleep(200);
    }
  });
  expect(opened).toBeGreaterThan(0);
});

test("a stranger who floods and dials again is read no faster than one connection and a little", async () => {
  const { strangerBytes, strangerBytesPerAddress } = usualLimits;
  // Frames of an unknown type: nothing that HTTP/2 objects to. Each connection has room for them.
  const frame = Buffer.from([0, 0, 8, 77, 0, 0, 0, 0, 0, ...Buffer.alloc(8)]);
  const count = Math.floor((strangerBytes.burst * 0.9) / frame.length);
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, ...Buffer.alloc(8)]);
  const start = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1");
  const flood = Buffer.concat([start, ...Array.from({ length: count }, () => frame), ping]);
  const acknowledged = Buffer.from([0, 0, 8, 6, 1]);
  let read = 0;
  for (let at = 0; at < FLOODS; at++) {
    const socket = secureSocket(plane.ports.api, botAddress(150));
    sockets.push(socket);
    socket.once("secureConnect", () => socket.write(flood));
    socket.on("data", (bytes: Buffer) => {
      if (bytes.includes(acknowledged)) read += flood.length;
    });
  }
  const began = performance.now();
  await ownerIsServed();
  // Strangers of the tests before may have left nothing to read of anybody for a while.
  await settle("the first flood to be read", PATIENCE_MS, () => read > 0);
  await sleep(FLOOD_MS);
  const { burst, perSecond } = strangerBytesPerAddress;
  expect(read).toBeLessThan(burst + (perSecond * (performance.now() - began)) / 1_000 + CHUNKS);
  await everybodyIsServed();
});

test("a stranger who asks ten thousand times what is served is told nothing, at no cost", async () => {
  const question = toBinary(
    ServerReflectionRequestSchema,
    create(ServerReflectionRequestSchema, {
      messageRequest: { case: "fileContainingSymbol", value: Management.typeName },
    }),
  );
  const one = Buffer.concat([Buffer.from([0, 0, 0, 0, question.length]), question]);
  const before = cpuMs(plane.pids.curator);
  const http2 = await session(plane.ports.api, botAddress(9));
  if (http2 === undefined) throw new Error("not let in");
  sessions.push(http2);
  const path = `/${ServerReflection.typeName}/ServerReflectionInfo`;
  const stream = beginCall(http2, path);
  let status: unknown;
  const hear = (headers: IncomingHttpHeaders) => {
    status = headers["grpc-status"] ?? status;
  };
  stream.on("response", hear).on("trailers", hear);
  stream.write(Buffer.concat(Array.from({ length: 10_000 }, () => one)));
  await ownerIsServed();
  await settle("the refusal", AT_ONCE_MS, () => status !== undefined);
  expect(status).toBe(String(Code.unauthenticated));
  expect(cpuMs(plane.pids.curator) - before).toBeLessThan(READING_MS);
});
