// The time server: its packets by hand, then over the loopback.
import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { SwitchedTime, serveTime, timeReply } from "./time-server.ts";

/** 2024-01-01T00:00:00.500Z, and the same as NTP counts seconds. */
const NOW = 1_704_067_200_500;
const NTP_SECONDS = 1_704_067_200 + 2_208_988_800;

/** A client's packet of the given version, with a transmit time to be returned. */
function request(version = 4, mode = 3): Uint8Array {
  const bytes = new Uint8Array(48);
  bytes[0] = (version << 3) | mode;
  bytes.set([1, 2, 3, 4, 5, 6, 7, 8], 40);
  return bytes;
}

test("timeReply tells the time in all three of its stamps", () => {
  const reply = timeReply(request(), NOW) ?? new Uint8Array();
  const view = new DataView(reply.buffer);
  for (const offset of [16, 32, 40]) {
    expect(view.getUint32(offset)).toBe(NTP_SECONDS);
    expect(view.getUint32(offset + 4)).toBe(2 ** 31);
  }
});

test.each([3, 4])("timeReply answers version %d as a synchronised server", (version) => {
  const reply = timeReply(request(version), NOW) ?? new Uint8Array();
  expect(reply[0]).toBe((version << 3) | 4);
  expect(reply[1]).toBe(1);
});

test("timeReply returns the client's own stamp, by which it knows the answer", () => {
  const reply = timeReply(request(), NOW) ?? new Uint8Array();
  expect([...reply.subarray(24, 32)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test.each([
  ["another server", request(4, 4)],
  ["a control message", request(2, 6)],
  ["a cut packet", request().subarray(0, 47)],
  ["nothing", new Uint8Array()],
])("timeReply stays silent for %s", (_, bytes) => {
  expect(timeReply(bytes, NOW)).toBeUndefined();
});

test("serveTime answers over IPv4", async () => {
  const server = await serveTime(0, () => NOW);
  const client = createSocket("udp4");
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  client.on("message", resolve);
  client.send(request(), server.port, "127.0.0.1");
  const reply = await promise;
  expect(new DataView(reply.buffer, reply.byteOffset).getUint32(40)).toBe(NTP_SECONDS);
  client.close();
  server.close();
});

test("a switched time server is silent, right or wrong, as it is told", async () => {
  const port = 20_000 + (process.pid % 20_000);
  const time = new SwitchedTime(port);
  const client = createSocket("udp4");
  const heard: number[] = [];
  client.on("message", (reply) => heard.push(reply.readUInt32BE(40)));
  const ask = async () => {
    client.send(request(), port, "127.0.0.1");
    await Bun.sleep(50);
    return heard.splice(0).map((seconds) => Math.round(seconds - NTP_SECONDS + NOW / 1_000));
  };
  await time.tell(0);
  const [right = 0] = await ask();
  await time.tell(86_400_000);
  const [wrong = 0] = await ask();
  await time.tell(undefined);
  expect(await ask()).toEqual([]);
  expect(Math.round((wrong - right) / 10)).toBe(8_640);
  client.close();
});
