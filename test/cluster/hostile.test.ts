// Hostile input at the two ports that a node shows to the network: each caller
// gets the right status code, and the node takes no harm.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sleep } from "../../src/base/event/event.ts";
import { issueCa, issueUser, selfSigned, validFor } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { type Channel, Code } from "../../src/base/rpc/rpc.ts";
import { codeOf } from "../../src/base/rpc/test-call.ts";
import {
  Curator,
  CuratorLocal,
} from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  Management,
  NodeManagement,
} from "../../src/gen/metropolis/proto/api/management_pb.ts";
import {
  drop,
  garbage,
  garbageInside,
  headerFlood,
  http1,
  isEnded,
  many,
  openTcp,
  openTls,
  rapidReset,
  silentCalls,
  slowHandshake,
} from "./attacks.ts";
import { ControlPlane, controlPlane, type Proof } from "./control-plane.ts";
import { filterBombs, wrongFilters } from "./filter-bombs.ts";
import { quantile, residentMib, timed } from "./support.ts";

/** The two ports, and the processes behind them. */
type Door = "api" | "node";
const process = { api: "curator", node: "node" } as const;

const IDLE = 500;
const LARGE = new Uint8Array(16 << 20);
/** After this a machine that does nothing else has refused a filter many times over. */
const FILTER_MS = 2_000;

let plane: ControlPlane;
beforeAll(async () => {
  plane = await controlPlane();
});
afterAll(async () => {
  await plane?.[Symbol.asyncDispose]();
});

/** A call that only the owner may make. */
async function ask(channel: Channel, door: Door): Promise<void> {
  const options = { timeoutMs: 20_000 };
  if (door === "api") {
    await channel.client(Management).getClusterInfo({}, options);
  } else {
    const request = { dn: "root", backlogMode: BacklogMode.COUNT, backlogCount: 1n };
    for await (const _ of channel.client(NodeManagement).logs(request, options)) break;
  }
}

async function codeFor(door: Door, proof?: Proof): Promise<Code> {
  using channel = plane.connect(plane.ports[door], proof);
  return await codeOf(ask(channel, door));
}

async function ownProof(): Promise<Proof> {
  const key = generateKeyPair();
  return ControlPlane.proof(key, await selfSigned(key));
}

/** The owner of another cluster. */
async function foreignProof(): Promise<Proof> {
  const [caKey, key] = [generateKeyPair(), generateKeyPair()];
  const ca = { keyPair: caKey, certificate: await issueCa(caKey) };
  return ControlPlane.proof(key, await issueUser(ca, key.publicKey, "owner", validFor(1)));
}

async function nodeProof(): Promise<Proof> {
  const { certificate, key } = plane.paths.data.credentials;
  return {
    keyPem: await Bun.file(key).text(),
    certificatePem: await Bun.file(certificate).text(),
  };
}

/** How long the owner waits for an answer, over a connection of his own. */
async function latencyMs(door: Door): Promise<number> {
  using channel = plane.connect(plane.ports[door], plane.owner());
  await ask(channel, door);
  const times: number[] = [];
  for (let i = 0; i < 30; i++) times.push(await timed(() => ask(channel, door)));
  return quantile(times, 0.5);
}

describe.each(["api", "node"] as const)("port of %s", (door) => {
  test("strangers are told apart from members", async () => {
    expect(await codeFor(door)).toBe(Code.unauthenticated);
    expect(await codeFor(door, await ownProof())).toBe(Code.unauthenticated);
    expect(await codeFor(door, await foreignProof())).toBe(Code.unauthenticated);
    expect(await codeFor(door, plane.owner())).toBe(Code.ok);
  });

  test("a node may not do what the owner may", async () => {
    using channel = plane.connect(plane.ports[door], await nodeProof());
    const logs = () => Array.fromAsync(channel.client(NodeManagement).logs({ dn: "root" }));
    const approve = () => channel.client(Management).approveNode({ pubkey: new Uint8Array(32) });
    expect(await codeOf(door === "api" ? approve() : logs())).toBe(Code.permissionDenied);
  });

  test("services of the other port are not here", async () => {
    using channel = plane.connect(plane.ports[door], plane.owner());
    const other = door === "api" ? "node" : "api";
    expect(await codeOf(ask(channel, other))).toBe(Code.unimplemented);
  });

  test("garbage ends the connection that it comes over", async () => {
    const port = plane.ports[door];
    expect(await garbage(port)).toBeTrue();
    expect(await garbageInside(port)).toBeTrue();
    expect(await http1(port)).toBe("");
    expect(await codeFor(door, plane.owner())).toBe(Code.ok);
  });

  test("messages of 16 MiB are refused", async () => {
    expect(await largeMessage(door, plane.owner())).toBe(Code.resourceExhausted);
    expect(await largeMessage(door, await ownProof())).toBe(Code.unauthenticated);
    expect(await codeFor(door, plane.owner())).toBe(Code.ok);
  });

  test("headers without end are refused", async () => {
    const port = plane.ports[door];
    for (const proof of [undefined, plane.owner()]) {
      const outcomes = [
        await headerFlood(port, { count: 1, bytes: 1 << 20, proof }),
        await headerFlood(port, { count: 4_000, bytes: 1 << 18, proof }),
      ];
      for (const outcome of outcomes) expect(outcome).not.toMatch(/no answer|answered 0/);
    }
    expect(await codeFor(door, plane.owner())).toBe(Code.ok);
  });
});

test("500 idle connections, half of the way and all of it, keep nobody out", async () => {
  const doors = ["api", "node"] as const;
  await Promise.all(doors.map((door) => crowd(door)));
});

async function crowd(door: Door): Promise<void> {
  const port = plane.ports[door];
  const sockets = await many(IDLE, () => openTcp(port));
  const secured = await many(IDLE, () => openTls(port));
  expect(await codeFor(door, plane.owner())).toBe(Code.ok);
  // Whoever never finishes the handshake is put out.
  const slow = slowHandshake(port, 20_000);
  const ended = await Promise.all(sockets.map((socket) => isEnded(socket, 20_000)));
  expect(ended.filter(Boolean).length).toBe(IDLE);
  expect(await slow).toBeTrue();
  drop([...sockets, ...secured]);
}

async function largeMessage(door: Door, proof: Proof): Promise<Code> {
  using channel = plane.connect(plane.ports[door], proof);
  if (door === "api") {
    const request = { pubkey: LARGE };
    return await codeOf(channel.client(Management).approveNode(request, { timeoutMs: 20_000 }));
  }
  const request = { dn: "x".repeat(LARGE.length) };
  return await codeOf(Array.fromAsync(channel.client(NodeManagement).logs(request)));
}

test("strangers may not send much to what is open to them", async () => {
  using channel = plane.connect(plane.ports.api, await ownProof());
  const call = channel.client(CuratorLocal).getCACertificate({ nonce: LARGE });
  expect(await codeOf(call)).toBe(Code.resourceExhausted);
  const registration = channel.client(Curator).registerNode({ registerTicket: LARGE });
  expect(await codeOf(registration)).toBe(Code.resourceExhausted);
});

async function filterCode(filter: string): Promise<Code> {
  using channel = plane.connect(plane.ports.api, plane.owner());
  return await codeOf(Array.fromAsync(channel.client(Management).getNodes({ filter })));
}

test.each(Object.keys(wrongFilters))("a filter with %s is invalid", async (name) => {
  expect(await filterCode(wrongFilters[name] ?? "")).toBe(Code.invalidArgument);
});

test.each(Object.keys(filterBombs))("a filter with %s is refused at once", async (name) => {
  let code: Code = Code.ok;
  const took = await timed(async () => {
    code = await filterCode(filterBombs[name] ?? "");
  });
  expect<number>(code).toBe(Code.invalidArgument);
  expect(took).toBeLessThan(FILTER_MS);
});

/** Everything above in one go, as a caller who may, and one who may not. */
async function siege(door: Door): Promise<void> {
  const port = plane.ports[door];
  await garbage(port);
  await garbageInside(port);
  await http1(port);
  for (const proof of [undefined, await foreignProof(), plane.owner()]) {
    await rapidReset(port, proof);
    await silentCalls(port, proof);
    await headerFlood(port, { count: 100, bytes: 1 << 20, proof });
  }
  for (let i = 0; i < 4; i++) await largeMessage(door, plane.owner());
  drop(await many(IDLE, () => openTls(port)));
  if (door === "node") return;
  for (const filter of Object.values(filterBombs)) await filterCode(filter);
}

/** By so much may memory be above what some sieges left, after as many again. */
const GROWTH_MIB = 20;
const SIEGES = 4;
/** A process that has nothing to do collects its garbage, mostly within ten seconds. */
const REST_MS = 15_000;
const LONG_REST_MS = 45_000;

/** The least memory of a process at rest, in MiB; no longer looked at once below `enough`. */
async function restingMib(pid: number, restMs: number, enough = 0): Promise<number> {
  const end = performance.now() + restMs;
  let least = residentMib(pid);
  while (performance.now() < end && least >= enough) {
    await sleep(200);
    least = Math.min(least, residentMib(pid));
  }
  return least;
}

test.each(["api", "node"] as const)(
  "after sieges %s is as quick as before, and its memory is flat",
  async (door) => {
    const pid = plane.pids[process[door]];
    const before = await latencyMs(door);
    for (let round = 0; round < SIEGES; round++) await siege(door);
    const first = await restingMib(pid, REST_MS);
    for (let round = 0; round < SIEGES; round++) await siege(door);
    const second = await restingMib(pid, LONG_REST_MS, first + GROWTH_MIB);
    const after = await latencyMs(door);
    console.log(
      `${door}: ${first.toFixed()}, ${second.toFixed()} MiB, ${before.toFixed(1)} => ${after.toFixed(1)} ms`,
    );
    expect(second).toBeLessThan(first + GROWTH_MIB);
    expect(after).toBeLessThan(3 * before + 50);
  },
  // The sieges are work, half a minute of it where nobody else wants the processors.
  300_000,
);
