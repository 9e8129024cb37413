// Tests of where programs listen.
import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { listeningPorts, parseListening } from "./listening.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";

test.each([
  ["tcp", "0100007F:1E9C 00000000:0000 0A", [{ port: 7836, isLoopback: true }]],
  ["tcp", "00000000:1E9A 00000000:0000 0A", [{ port: 7834, isLoopback: false }]],
  ["tcp", "0100007F:1E9C 0100007F:9C40 01", []],
  [
    "tcp",
    "00000000000000000000000000000000:1E9B 00000000000000000000000000000000:0000 0A",
    [{ port: 7835, isLoopback: false }],
  ],
  [
    "tcp",
    "00000000000000000000000001000000:1E9B 00000000000000000000000000000000:0000 0A",
    [{ port: 7835, isLoopback: true }],
  ],
  ["udp", "00000000:1E9E 00000000:0000 07", [{ port: 7838, isLoopback: false }]],
  ["udp", "0201010A:0044 FFFFFFFF:0043 01", []],
  ["udp", "00000000:C350 00000000:0000 07", []],
] as const)("parseListening reads %s %s", (protocol, line, ports) => {
  const table = `${head}\n   0: ${line} 00000000:00000000 00:00000000 00000000     0\n`;
  expect(parseListening(protocol, table)).toEqual(ports.map((each) => ({ protocol, ...each })));
});

test("listeningPorts finds a port of this process, once", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  expect(listeningPorts().filter((each) => each.port === port)).toEqual([
    { protocol: "tcp", port, isLoopback: true },
  ]);
  server.close();
});
