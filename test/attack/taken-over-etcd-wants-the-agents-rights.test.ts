// Somebody has taken over etcd, and wants a file of the agent's opened to the curator's group: he
// puts a link to it where the agent sets the mode of etcd's socket. A script stands for etcd.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { ETCD_PORTS, type Member } from "../../src/node/consensus/config.ts";
import { consensus } from "../../src/node/consensus/consensus.ts";
import { Control } from "../../src/node/control/control.ts";
import { paths } from "../../src/node/storage/paths.ts";
import { settle } from "../cluster/support.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "taken-over-etcd-"));
});
afterEach(() => rmSync(root, { recursive: true }));

test("etcd that puts a link in the place of its socket gets no other file's mode changed", async () => {
  const { data, ephemeral } = paths(root);
  const socket = ephemeral.etcdSocket;
  const key = join(root, "clusternet.key");
  mkdirSync(dirname(socket), { recursive: true });
  writeFileSync(key, "key", { mode: 0o600 });
  const etcd = join(root, "etcd");
  const ready = '{"level":"info","msg":"ready to serve client requests"}';
  const script = `#!/bin/sh\nln -s '${key}' '${socket}'\necho '${ready}' >&2\nexec sleep 60\n`;
  writeFileSync(etcd, script, { mode: 0o755 });
  const member: Member = { nodeId: "metropolis-1", data, ports: ETCD_PORTS, socket };
  const control = new Control<Member>();
  const supervisor = new Supervisor(consensus(control, { path: etcd }));
  supervisor.start();
  control.wanted.set(member);
  const logged = () =>
    JSON.stringify(supervisor.tree.read({ dn: "", withChildren: true, backlog: "all" }).backlog);
  await settle("the refusal", 20_000, () => logged().includes("is no socket"));
  expect(control.running.current).toBeNull();
  expect(statSync(key).mode & 0o777).toBe(0o600);
  await supervisor.stop();
});
