// Tests of what the log has of listening ports.
import { expect, test } from "bun:test";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { portName, ports } from "./ports.ts";

const api = { protocol: "tcp", port: 7835, isLoopback: false } as const;
const etcd = { protocol: "tcp", port: 7836, isLoopback: true } as const;

test("portName tells who reaches a port", () => {
  expect(portName(api)).toBe("7835/tcp");
  expect(portName(etcd)).toBe("7836/tcp (this machine only)");
});

test("ports says where the machine listens, once", async () => {
  let looks = 0;
  const look = () => {
    looks += 1;
    return [api, etcd];
  };
  await using tested = testSupervisor(ports(look));
  while (looks < 1) await tested.quiet();
  await tested.settled();
  const { backlog } = tested.tree.read({ dn: "root", backlog: "all" });
  const texts = backlog.flatMap((each) => (each.kind === "leveled" ? each.messages : []));
  expect(texts).toEqual(["Listening at 7835/tcp, 7836/tcp (this machine only)"]);
});
