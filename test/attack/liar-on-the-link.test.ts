// Somebody on the link, or elsewhere, who calls over the link as nodes do: he wants nodes that have
// all moved not to find each other, or that they send more to a third than he sends to them.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../src/base/event/event.ts";
import { until } from "../../src/base/event/test-until.ts";
import { testSupervisor } from "../../src/base/supervisor/test-supervisor.ts";
import { LinkCallSchema } from "../../src/gen/metropolis/node/core/recovery/recovery_pb.ts";
import { freePort } from "../../src/node/consensus/test-etcd.ts";
import {
  encodeAnswer,
  encodeCall,
  encodeQuestion,
  isNeighbour,
  linkCalls,
} from "../../src/node/whereabouts/link-calls.ts";
import { Whereabouts } from "../../src/node/whereabouts/whereabouts.ts";

const clusterCa = new Uint8Array(32).fill(1);
const cluster = createHash("sha256").update(clusterCa).digest();
const ID = `metropolis-${"0".repeat(32)}`;
const WANTED = `metropolis-${"1".repeat(32)}`;
const long = Array.from({ length: 8 }, (_, at) => `2001:db8:1111:2222:3333:4444:5555:666${at}`);

let whereabouts: Whereabouts;
let port: number;
let node: AsyncDisposable;
const sockets: { close(): void }[] = [];

beforeEach(async () => {
  whereabouts = new Whereabouts(new Map([[WANTED, []]]));
  port = await freePort();
  const isReached = new Value(true);
  const lock = new Value({ nodeId: ID, clusterCa });
  const addresses = new Value<readonly string[]>(long);
  const options = { lock, addresses, isReached, whereabouts };
  node = testSupervisor(linkCalls(options, { host: "127.0.0.1", port }));
  const { say, heard } = await neighbour("127.0.0.9");
  await until(() => {
    say(encodeQuestion(callOf()));
    return heard.length > 0;
  });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await node[Symbol.asyncDispose]();
});

function callOf(addresses: readonly string[] = ["10.1.0.53"]) {
  const fields = { cluster, nodeId: WANTED, addresses: [...addresses], asks: true };
  return create(LinkCallSchema, fields);
}

/** Somebody at an address of the link, who hears what is sent there. */
async function neighbour(address: string) {
  const socket = createSocket("udp4");
  const heard: Uint8Array[] = [];
  socket.on("message", (bytes) => void heard.push(bytes));
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  const say = (bytes: Uint8Array) => socket.send(bytes, port, "127.0.0.1");
  sockets.push(socket);
  return { heard, say };
}

test("who asks shortly in another's name has nothing sent there that is longer", async () => {
  const { heard, say } = await neighbour("127.0.0.2");
  const short = encodeCall(create(LinkCallSchema, { cluster, asks: true }));
  const question = encodeQuestion(callOf());
  say(short);
  say(question);
  await until(() => heard.length > 0);
  expect(heard[0]?.length).toBeGreaterThan(400);
  expect(heard.every((bytes) => bytes.length <= question.length)).toBe(true);
  expect(encodeAnswer(callOf(long), short.length)).toBeUndefined();
});

test("who asks without end is not answered for long, and keeps no answer from others", async () => {
  const loud = await neighbour("127.0.0.2");
  const quiet = await neighbour("127.0.0.3");
  const question = encodeQuestion(callOf());
  for (let asked = 0; asked < 2_000; asked++) {
    loud.say(question);
    if (asked % 50 === 0) await Bun.sleep(1);
  }
  await until(() => {
    quiet.say(question);
    return quiet.heard.length > 0;
  });
  expect(loud.heard.length).toBeLessThan(60);
});

test("who names false addresses without end leaves room for the true one", async () => {
  const liar = await neighbour("127.0.0.2");
  const honest = await neighbour("127.0.0.3");
  const lie = (at: number) => callOf([1, 2, 3, 4].map((last) => `10.2.${at}.${last}`));
  liar.say(encodeCall(callOf()));
  honest.say(encodeCall(callOf()));
  await until(() => whereabouts.candidates(WANTED).includes("10.1.0.53"));
  for (let at = 0; at < 15; at++) liar.say(encodeCall(lie(at)));
  await until(() => whereabouts.candidates(WANTED).includes("10.2.14.1"));
  expect(whereabouts.candidates(WANTED)).toContain("10.1.0.53");
});

test("who is on no link of the machine is not heard", () => {
  const common = { mac: "", internal: false, netmask: "" };
  const eth0 = [
    { ...common, family: "IPv4", address: "10.1.2.3", cidr: "10.1.2.3/22" } as const,
    { ...common, family: "IPv6", address: "fd00::3", cidr: "fd00::3/32", scopeid: 0 } as const,
  ];
  const heard = ["10.1.3.9", "fe80::1%eth0"].map((from) => isNeighbour(from, { eth0 }));
  const others = ["10.1.4.9", "192.0.2.1", "fd00::9", "2001:db8::1"];
  expect(heard).toEqual([true, true]);
  expect(others.filter((from) => isNeighbour(from, { eth0 }))).toEqual([]);
});
