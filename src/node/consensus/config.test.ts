// Tests of etcd's arguments.
import { expect, test } from "bun:test";
import { paths } from "../storage/paths.ts";
import { clientEndpoint, ETCD_PORTS, etcdArguments, peerUrl } from "./config.ts";

const where = paths();
const member = {
  nodeId: "metropolis-1",
  data: where.data,
  ports: ETCD_PORTS,
  socket: where.ephemeral.etcdSocket,
};
const words = etcdArguments(member);

test("etcdArguments let clients in from the node itself only, and only with a certificate", () => {
  const listens = "https://127.0.0.1:7836,unix:///run/metropolis/etcd/etcd.sock";
  expect(words).toContain(`--listen-client-urls=${listens}`);
  expect(words).toContain("--client-cert-auth");
  expect(words).toContain("--listen-metrics-urls=http://127.0.0.1:7842");
  expect(clientEndpoint(member)).toBe("127.0.0.1:7836");
});

test("etcdArguments keep a path with a comma one", () => {
  const all = etcdArguments({ ...member, socket: "/tmp/a,b c/etcd.sock" });
  expect(all.join(" ")).toContain(",unix:///tmp/a%2Cb%20c/etcd.sock ");
});

test("etcdArguments name the member by its node ID", () => {
  expect(peerUrl(member)).toBe("https://metropolis-1:7834");
  expect(words).toContain("--initial-cluster=metropolis-1=https://metropolis-1:7834");
  expect(words).toContain("--listen-peer-urls=https://[::]:7834");
  expect(words).toContain("--peer-client-cert-auth");
});

test("etcdArguments keep data and keys on the data partition", () => {
  const files = words.filter((word) => /-(file|dir)=/.test(word));
  expect(files.length).toBe(8);
  expect(files.every((word) => word.includes("=/data/etcd/"))).toBe(true);
});

test("etcdArguments say the quota, whatever etcd takes by itself", () => {
  expect(words).toContain(`--quota-backend-bytes=${2 * 1024 ** 3}`);
});
