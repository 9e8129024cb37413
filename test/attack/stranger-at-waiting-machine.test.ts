// A stranger who reaches port 7847 of a machine that waits for a backup, and wants its memory,
// its attention, or to be taken for the owner.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "../../src/base/event/event.ts";
import { type Issuer, issueCa, selfSigned } from "../../src/base/pki/certificate.ts";
import {
  certificatePem,
  generateKeyPair,
  type KeyPair,
  privateKeyPem,
} from "../../src/base/pki/keys.ts";
import { signedBackup } from "../../src/base/pki/signed-backup.ts";
import { fingerprint } from "../../src/base/pki/verify.ts";
import { type Child, environment, startChild } from "../../src/base/process/process.ts";
import { type Channel, Code, connect } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import { Recovery } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import { freePort } from "../../src/node/consensus/test-etcd.ts";
import { drop, openTls } from "../cluster/attacks.ts";
import { residentMib, settle } from "../cluster/support.ts";

const home = mkdtempSync(join(tmpdir(), "waiting-machine-"));
const owner = generateKeyPair();
const caKey = generateKeyPair();
const ca: Issuer = { keyPair: caKey, certificate: await issueCa(caKey) };
/** As in the attack that was seen. */
const CALLS = 60;
const LARGE = 4 << 20;
/** What all of these calls may cost; together they hold 240 MiB. */
const MOST_MIB = 32;
/** Of all strangers at one address. */
const MOST_CONNECTIONS = 16;

let machine: Child;
let target = "";

beforeAll(async () => {
  const port = await freePort();
  target = `127.0.0.1:${port}`;
  const program = join(import.meta.dir, "waiting-machine.ts");
  const words = [String(port), home, owner.publicKey.toHex(), fingerprint(ca.certificate)];
  const log = join(home, "log");
  machine = startChild([process.execPath, program, ...words], { env: environment({}), log });
  await settle("the machine", 60_000, async () => (await codeOf(proveNode(owner))) === Code.ok);
});
afterAll(() => {
  machine?.kill("SIGKILL");
  rmSync(home, { recursive: true });
});

async function dial(key?: KeyPair): Promise<Channel> {
  const shown = key && {
    keyPem: privateKeyPem(key),
    certificatePem: certificatePem(await selfSigned(key)),
  };
  return connect({ target, credentials: { ...shown, verify: () => {} } });
}

async function proveNode(key?: KeyPair, nonce = new Uint8Array(32)): Promise<unknown> {
  using channel = await dial(key);
  return await channel.client(Recovery).proveNode({ nonce }, { timeoutMs: 10_000 });
}

/** A restore whose messages never end, unless the machine ends it. */
async function restore(key: KeyPair | undefined, data: Uint8Array): Promise<unknown> {
  using channel = await dial(key);
  const end = AbortSignal.timeout(10_000);
  async function* messages() {
    while (!end.aborted) yield { data };
  }
  const answers = channel.client(Recovery).restore(messages(), { timeoutMs: 10_000 });
  return await Array.fromAsync(answers);
}

/** The most memory that the machine has had so far. */
function peakMib(): number {
  const status = readFileSync(`/proc/${machine.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}

const strangers: readonly (readonly [string, KeyPair | undefined])[] = [
  ["a key of his own", generateKeyPair()],
  ["no key", undefined],
];

test.each(strangers)("who has %s hears nothing, and brings nothing", async (_, key) => {
  expect(await codeOf(proveNode(key))).toBe(Code.permissionDenied);
  expect(await codeOf(restore(key, new Uint8Array(1000)))).toBe(Code.permissionDenied);
  expect(existsSync(join(home, "snapshot.db"))).toBe(false);
});

/**
 * Calls of HTTP/2 without gRPC's good manners: each sends all of a large message, whatever it is
 * told, and does not end. Gives what became of them.
 */
async function flood(method: string, key: KeyPair | undefined): Promise<readonly string[]> {
  const shown = key && {
    keyPem: privateKeyPem(key),
    certificatePem: certificatePem(await selfSigned(key)),
  };
  const socket = await openTls(Number(target.split(":")[1]), shown);
  const http2 = connectHttp2(`https://${target}`, { createConnection: () => socket });
  http2.on("error", () => {});
  const body = Buffer.alloc(5 + LARGE, 7);
  body.writeUInt8(0);
  body.writeUInt32BE(LARGE, 1);
  const calls = Array.from({ length: CALLS / 4 }, async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const stream = http2.request({
      ":method": "POST",
      ":path": `/metropolis.node.core.recovery.Recovery/${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("response", (headers) => resolve(`status ${headers["grpc-status"]}`));
    stream.on("error", (error) => resolve(error.message));
    stream.on("close", () => resolve("closed"));
    stream.write(body);
    const timer = setTimeout(() => resolve("no answer"), 5_000);
    const outcome = await promise;
    clearTimeout(timer);
    return outcome;
  });
  const outcomes = await Promise.all(calls);
  // What is on its way may still arrive.
  await sleep(1_000);
  http2.destroy();
  socket.destroy();
  return outcomes;
}

test("who makes 60 calls of 4 MiB at once does not get the machine's memory", async () => {
  const before = residentMib(machine.pid);
  const floods = ["Restore", "ProveNode"].flatMap((method) =>
    strangers.map(([, key]) => flood(method, key)),
  );
  const outcomes = (await Promise.all(floods)).flat();
  // Refused before it is read, or not even let begin.
  expect(outcomes.filter((text) => !/^status 7$|REFUSED_STREAM|closed/.test(text))).toEqual([]);
  const grown = peakMib() - before;
  console.log(`60 calls of 4 MiB: ${grown.toFixed(1)} MiB more at the most`);
  expect(grown).toBeLessThan(MOST_MIB);
});

test("who opens 200 connections keeps a few, and the owner is let in beside them", async () => {
  const port = Number(target.split(":")[1]);
  const opening = Array.from({ length: 200 }, () => openTls(port).catch(() => undefined));
  const sockets = (await Promise.all(opening)).filter((socket) => socket !== undefined);
  const held = () => sockets.filter((socket) => !socket.destroyed && !socket.readableEnded);
  await settle("few connections", 10_000, () => held().length <= MOST_CONNECTIONS);
  expect(held().length).toBeGreaterThan(0);
  expect(await codeOf(proveNode(owner))).toBe(Code.ok);
  drop(sockets);
});

test("who holds connections open does not keep the owner out", async () => {
  const held = await Promise.all(Array.from({ length: 40 }, () => dial(generateKeyPair())));
  const end = new AbortController();
  const silent = held.map((channel) => {
    async function* nothing() {
      await new Promise((resolve) => end.signal.addEventListener("abort", resolve));
      yield { data: new Uint8Array() };
    }
    return codeOf(Array.fromAsync(channel.client(Recovery).restore(nothing())));
  });
  // He is refused before he has said anything, and does not have to end his request.
  const outcomes = await Promise.all(silent);
  // On a busy machine some have to give way to the others before they are answered.
  const others = outcomes.filter((code) => code !== Code.permissionDenied);
  expect(new Set(others).difference(new Set([Code.unavailable]))).toEqual(new Set());
  expect(outcomes).toContain(Code.permissionDenied);
  expect(await codeOf(proveNode(owner))).toBe(Code.ok);
  const state = new Uint8Array(300_000);
  async function* parts() {
    yield state;
  }
  const facts = { cluster: "ours", time: new Date(), revision: 1n };
  async function* messages() {
    const backup = signedBackup(ca, facts, { bytes: state.length, parts: parts() });
    for await (const part of backup) {
      for (let at = 0; at < part.length; at += 32_768) {
        yield { data: part.subarray(at, at + 32_768) };
      }
    }
  }
  using channel = await dial(owner);
  const answers = channel.client(Recovery).restore(messages(), { timeoutMs: 20_000 });
  expect(await codeOf(Array.fromAsync(answers))).toBe(Code.ok);
  expect(existsSync(join(home, "taken"))).toBe(true);
  end.abort();
  for (const each of held) each[Symbol.dispose]();
});
