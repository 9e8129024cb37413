// Tests of calls over the link, with a socket that stands for the others on it.
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { create } from "@bufbuild/protobuf";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { LinkCallSchema } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { freePort } from "../consensus/test-etcd.ts";
import { emptyLock, type Lock } from "../recovery/recovery.ts";
import { broadcasts, decodeCall, encodeCall, linkCalls } from "./link-calls.ts";
import { Whereabouts } from "./whereabouts.ts";

const clusterCa = new Uint8Array(32).fill(1);
const cluster = createHash("sha256").update(clusterCa).digest();
const own = { nodeId: "metropolis-a", join: generateKeyPair(), clusterCa };
const told = new Map([["metropolis-b", ["10.1.0.3"]]]);

function callOf(fields: {
  nodeId?: string;
  addresses?: string[];
  asks?: boolean;
  cluster?: Uint8Array;
}) {
  const usual = { cluster, nodeId: "metropolis-b", addresses: ["10.1.0.53"], asks: true };
  return create(LinkCallSchema, { ...usual, ...fields });
}

test("a call is read as it was written, and anything else is none", () => {
  expect(decodeCall(encodeCall(callOf({})))).toEqual(callOf({}));
  expect(decodeCall(new TextEncoder().encode("GET / HTTP/1.1"))).toBeUndefined();
  expect(decodeCall(new TextEncoder().encode("MTRO\xff\xff"))).toBeUndefined();
  expect(decodeCall(encodeCall(callOf({ addresses: ["1".repeat(600)] })))).toBeUndefined();
});

test("broadcasts reach everybody on each link, of both families", () => {
  const common = { mac: "", internal: false, cidr: null };
  const found = broadcasts({
    lo: [{ ...common, internal: true, family: "IPv4", address: "127.0.0.1", netmask: "255.0.0.0" }],
    eth0: [
      { ...common, family: "IPv4", address: "10.1.2.3", netmask: "255.255.252.0" },
      { ...common, family: "IPv6", address: "fe80::1", netmask: "ffff::", scopeid: 2 },
    ],
    clusternet: [{ ...common, family: "IPv4", address: "10.1.0.2", netmask: "255.255.255.255" }],
  });
  expect(found).toEqual({ ipv4: ["10.1.3.255"], ipv6: ["ff02::1%eth0"] });
});

/** A neighbour's socket, and what it hears. */
async function neighbour(address = "127.0.0.1") {
  const socket = createSocket("udp4");
  const heard: Uint8Array[] = [];
  socket.on("message", (bytes) => void heard.push(bytes));
  const bound = Promise.withResolvers<void>();
  socket.bind(0, address, () => bound.resolve());
  await bound.promise;
  return { socket, heard };
}

test("a node answers those of its cluster, takes hints from them, and hears nobody else", async () => {
  const port = await freePort();
  const whereabouts = new Whereabouts(told);
  const lock = new Value<Lock>(
    emptyLock("/nowhere", { ...own, nodeUnlockKey: new Uint8Array(32) }),
  );
  const options = {
    lock,
    addresses: new Value<readonly string[]>(["10.1.0.52"]),
    isReached: new Value(true),
  };
  await using _ = testSupervisor(
    linkCalls({ ...options, whereabouts }, { host: "127.0.0.1", port }),
  );
  const { socket, heard } = await neighbour();
  const say = (bytes: Uint8Array) => socket.send(bytes, port, "127.0.0.1");
  await until(() => {
    say(encodeCall(callOf({})));
    return heard.length > 0;
  });
  const answer = { cluster, nodeId: "metropolis-a", addresses: ["10.1.0.52"], asks: false };
  const answered = create(LinkCallSchema, answer);
  expect(decodeCall(heard[0] ?? new Uint8Array())).toEqual(answered);
  expect(whereabouts.candidates("metropolis-b")).toEqual(["10.1.0.3", "10.1.0.53"]);
  // Datagrams come in order here: what is answered beside the two questions is so before the second.
  const other = await neighbour("127.0.0.2");
  const tell = (bytes: Uint8Array) => other.socket.send(bytes, port, "127.0.0.1");
  tell(encodeCall(callOf({})));
  tell(encodeCall(callOf({ cluster: new Uint8Array(32) })));
  tell(encodeCall(callOf({ asks: false })));
  tell(encodeCall(callOf({ nodeId: "metropolis-a" })));
  tell(new Uint8Array(100));
  tell(encodeCall(callOf({})));
  await until(() => other.heard.length > 1);
  expect(other.heard.map(decodeCall)).toEqual([answered, answered]);
  other.socket.close();
  socket.close();
});

test("who asks without end is answered now and then", async () => {
  const port = await freePort();
  const lock = new Value<Lock>(
    emptyLock("/nowhere", { ...own, nodeUnlockKey: new Uint8Array(32) }),
  );
  const options = {
    lock,
    addresses: new Value<readonly string[]>(["10.1.0.52"]),
    isReached: new Value(true),
  };
  const whereabouts = new Whereabouts(told);
  await using _ = testSupervisor(
    linkCalls({ ...options, whereabouts }, { host: "127.0.0.1", port }),
  );
  const { socket, heard } = await neighbour();
  const call = encodeCall(callOf({}));
  await until(() => {
    socket.send(call, port, "127.0.0.1");
    return heard.length > 0;
  });
  for (let i = 0; i < 1_000; i++) {
    socket.send(call, port, "127.0.0.1");
    if (i % 50 === 0) await Bun.sleep(1);
  }
  await Bun.sleep(100);
  expect(heard.length).toBeLessThan(200);
  expect(heard.every((bytes) => bytes.length <= call.length)).toBe(true);
  socket.close();
});
