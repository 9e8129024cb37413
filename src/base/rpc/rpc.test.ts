// Whole calls, client to server, over a unix socket and over TLS.
import { expect, test } from "bun:test";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { connect, serve, service } from "./rpc.ts";

test("a unary call reaches its handler and comes back", async () => {
  const health = service(Health, {
    check: async ({ service: name }) => ({ status: name === "x" ? 1 : 2 }),
  });
  await using server = await serve({
    services: [health],
    authorize: () => {},
    listen: { host: "127.0.0.1", port: 0 },
  });
  using channel = connect({ target: `127.0.0.1:${server.port}`, credentials: "plain" });
  const client = channel.client(Health);
  expect((await client.check({ service: "x" })).status).toBe(1);
  expect((await client.check({ service: "y" })).status).toBe(2);
});
