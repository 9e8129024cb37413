// The parts of commands that decide something: from words to requests.
import { expect, test } from "bun:test";
import {
  LogsRequest_BacklogMode as BacklogMode,
  LogsRequest_StreamMode as StreamMode,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { UsageError, UserError } from "../output/user-error.ts";
import { clusterConfiguration } from "../session/bootstrap-args.ts";
import { ContextFolder } from "../session/context.ts";
import { mountOf } from "../session/medium.ts";
import { reachOf, target } from "../session/reach.ts";
import { labelChange } from "./node/label.ts";
import { logsRequest } from "./node/logs.ts";
import { roleField } from "./node/role-change.ts";

test.each([
  ["-1", BacklogMode.ALL, 0n],
  ["0", BacklogMode.DISABLE, 0n],
  ["25", BacklogMode.COUNT, 25n],
])("logsRequest: a backlog of %s", (backlog, backlogMode, backlogCount) => {
  const request = logsRequest({ dn: "root", backlog });
  expect(request).toMatchObject({
    backlogMode,
    backlogCount,
    streamMode: StreamMode.DISABLE,
  });
  expect(request.filters).toHaveLength(1);
});

test("logsRequest follows, and stays at one DN", () => {
  const request = logsRequest({ dn: "root", backlog: "-1", follow: true, exact: true });
  expect(request).toMatchObject({ filters: [], streamMode: StreamMode.UNBUFFERED });
});

test.each(["x", "-2", "1.5", ""])("logsRequest refuses a backlog of %p", (backlog) => {
  expect(() => logsRequest({ dn: "", backlog })).toThrow(UsageError);
});

test("labelChange sets and removes as kubectl does", () => {
  expect(labelChange(["a=1", "b=", "c-"])).toEqual({
    upsert: [
      { key: "a", value: "1" },
      { key: "b", value: "" },
    ],
    delete: ["c"],
  });
  expect(() => labelChange(["d"])).toThrow("write key=value to set it, or d- to remove it");
});

test.each([
  ["ConsensusMember", "consensusMember"],
  ["KC", "kubernetesController"],
  ["kubernetesworker", "kubernetesWorker"],
])("roleField knows %s", (name, field) => {
  expect(roleField(name)).toBe(field as ReturnType<typeof roleField>);
});

test("roleField names the roles there are", () => {
  expect(() => roleField("boss")).toThrow("no role boss: there are ConsensusMember (cm)");
});

const defaults = {
  "bootstrap-tpm-mode": "required",
  "bootstrap-storage-security": "needs-encryption-and-authentication",
  cluster: "cluster.internal",
};

test("clusterConfiguration takes the original's words", () => {
  expect(clusterConfiguration(defaults)).toMatchObject({
    tpmMode: 1,
    storageSecurityPolicy: 3,
    clusterDomain: "cluster.internal",
  });
  const lax = {
    "bootstrap-tpm-mode": "besteffort",
    "bootstrap-storage-security": "needs-insecure",
  };
  expect(clusterConfiguration({ ...defaults, ...lax })).toMatchObject({
    tpmMode: 2,
    storageSecurityPolicy: 4,
  });
});

test.each([
  ["bootstrap-tpm-mode", "maybe"],
  ["bootstrap-storage-security", "strong"],
  ["cluster", "Upper.Case"],
  ["cluster", "a..b"],
  ["cluster", "10.0.0.1"],
  ["cluster", "x.0x1f"],
  ["cluster", `${"a".repeat(60)}.${"b".repeat(30)}`],
])("clusterConfiguration refuses --%s=%s", (flag, word) => {
  expect(() => clusterConfiguration({ ...defaults, [flag]: word })).toThrow(`--${flag}=${word}`);
});

test.each([
  ["/dev/sda", { device: "/dev/sda1", folder: "/boot" }],
  ["/dev/nvme0n1", { device: "/dev/nvme0n1p2", folder: "/" }],
  ["/dev/sdb", undefined],
  ["/dev/sd", undefined],
])("mountOf finds what is mounted of %s", (device, mount) => {
  const mounts =
    "/dev/sda1 /boot vfat rw 0 0\n/dev/nvme0n1p2 / xfs rw 0 0\nproc /proc proc rw 0 0\n";
  expect(mountOf(device, mounts)).toEqual(mount);
});

test.each([
  ["10.1.0.2", "10.1.0.2:7835"],
  ["10.1.0.2:99", "10.1.0.2:99"],
  ["node.example", "node.example:7835"],
  ["fd00::2", "[fd00::2]:7835"],
  ["[fd00::2]", "[fd00::2]:7835"],
  ["[fd00::2]:99", "[fd00::2]:99"],
  ["fe80::1%eth0", "[fe80::1%eth0]:7835"],
  ["node-1.example.", "node-1.example.:7835"],
])("target completes %s", (endpoint, whole) => {
  expect(target(endpoint)).toBe(whole);
});

test.each([
  "10.1.0.2:",
  ":7835",
  "",
  "10.1.0.2:0",
  "10.1.0.2:65536",
  "10.1.0.300",
  "10.1.0",
  "[10.1.0.2]",
  "fd00::2:99999:1",
  "[fd00::2",
  "https://10.1.0.2",
  "-x",
  "a b",
  "a..b",
])("target refuses %p, and says what to write", (endpoint) => {
  expect(() => target(endpoint)).toThrow(`"${endpoint}" is no host name or address, nor`);
});

test.each(["127.0.0.1", "proxy", "socks5://127.0.0.1:1080", "fd00::2", "[fd00::2]", "p:0"])(
  "a proxy without host and port is refused: %s",
  (proxy) => {
    const context = new Remembering("/nonexistent", "demo");
    expect(() => reachOf({ proxy }, context)).toThrow(UsageError);
    expect(() => reachOf({ proxy }, context)).toThrow(`--proxy=${proxy}: give host and port`);
  },
);

/** A context that remembers one endpoint behind a proxy. */
class Remembering extends ContextFolder {
  override reach() {
    return { endpoints: ["10.1.0.2"], proxy: "127.0.0.1:1080" };
  }
}

test("reachOf prefers flags, and uses a saved proxy only for saved endpoints", () => {
  const context = new Remembering("/nonexistent", "demo");
  const saved = { endpoints: ["10.1.0.2"], proxy: "127.0.0.1:1080" };
  expect(reachOf({}, context)).toEqual(saved);
  const hasEndpoints = true;
  expect(reachOf({ endpoints: "10.1.0.2" }, context)).toEqual({ ...saved, hasEndpoints });
  expect(reachOf({ endpoints: "a, b" }, context)).toEqual({ endpoints: ["a", "b"], hasEndpoints });
  expect(reachOf({ proxy: "p:1" }, context)).toEqual({ ...saved, proxy: "p:1", hasEndpoints });
});

test("reachOf says what to give", () => {
  const empty = new ContextFolder("/nonexistent", "empty");
  expect(() => reachOf({}, empty)).toThrow(UserError);
  expect(() => reachOf({}, empty)).toThrow("give --endpoints");
  expect(() => reachOf({ endpoints: "a,,b" }, empty)).toThrow(UsageError);
});
