// What probes are told, and when they are told again.
import { expect, test } from "bun:test";
import { KV } from "../../gen/etcd/rpc_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { Code, connect, serve, service } from "./rpc.ts";
import { failure } from "./test-pair.ts";

async function probed(withHealth = true) {
  const server = await serve({
    services: [service(KV, {})],
    authorize: () => {
      throw new TypeError("asked");
    },
    listen: { host: "127.0.0.1", port: 0 },
    withHealth,
  });
  const channel = connect({ target: `127.0.0.1:${server.port}`, credentials: "plain" });
  const end = async () => {
    channel.close();
    await server.close(0);
  };
  return { server, health: channel.client(Health), [Symbol.asyncDispose]: end };
}

test("check answers for the server and for each service, to everyone", async () => {
  await using probe = await probed();
  expect((await probe.health.check({})).status).toBe(Status.SERVING);
  const kv = { service: "etcdserverpb.KV" };
  expect((await probe.health.check(kv)).status).toBe(Status.SERVING);
  probe.server.health.set(false, kv.service);
  expect((await probe.health.check(kv)).status).toBe(Status.NOT_SERVING);
  expect((await probe.health.check({})).status).toBe(Status.SERVING);
});

test("check does not find services that are not here", async () => {
  await using probe = await probed();
  const error = await failure(probe.health.check({ service: "x.Y" }));
  expect(error).toMatchObject({ code: Code.notFound });
});

test("watch tells the state and each change of it", async () => {
  await using probe = await probed();
  const states = probe.health.watch({})[Symbol.asyncIterator]();
  expect((await states.next()).value?.status).toBe(Status.SERVING);
  probe.server.health.set(false);
  expect((await states.next()).value?.status).toBe(Status.NOT_SERVING);
  probe.server.health.set(true);
  expect((await states.next()).value?.status).toBe(Status.SERVING);
  await states.return?.();
});

test("watch says of unknown services that they are, and stays open", async () => {
  await using probe = await probed();
  const states = probe.health.watch({ service: "x.Y" })[Symbol.asyncIterator]();
  expect((await states.next()).value?.status).toBe(Status.SERVICE_UNKNOWN);
  const next = await Promise.race([states.next(), Bun.sleep(50)]);
  expect(next).toBeUndefined();
});

test("a closing server says so before it goes", async () => {
  await using probe = await probed();
  const states = probe.health.watch({})[Symbol.asyncIterator]();
  await states.next();
  const closing = probe.server.close(200);
  expect((await states.next()).value?.status).toBe(Status.NOT_SERVING);
  expect(await failure(states.next())).toMatchObject({ code: Code.unavailable });
  await closing;
});

test("health can be switched off", async () => {
  await using probe = await probed(false);
  expect(await failure(probe.health.check({}))).toMatchObject({ code: Code.unimplemented });
});
