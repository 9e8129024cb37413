// Tests of etcd under supervision, with the real etcd.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sleep } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { Control } from "../control/control.ts";
import { makeDataTree, paths } from "../storage/paths.ts";
import type { Member } from "./config.ts";
import { consensus } from "./consensus.ts";
import { createEtcdCa, createMember } from "./pki.ts";
import { ETCD, freePorts } from "./test-etcd.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-etcd-"));
});
afterEach(() => rmSync(root, { recursive: true }));

async function newMember(): Promise<Member> {
  makeDataTree(paths(root));
  const { data, ephemeral } = paths(root);
  mkdirSync(dirname(ephemeral.etcdSocket), { recursive: true });
  const nodeId = `metropolis-${"b".repeat(32)}`;
  await createMember(await createEtcdCa(), nodeId, data);
  return { nodeId, data, ports: await freePorts(), socket: ephemeral.etcdSocket };
}

/** The whole life of etcd, under a supervisor. */
async function withConsensus(
  path: string,
  work: (control: Control<Member>, tree: LogTree, signal: AbortSignal) => Promise<void>,
) {
  const control = new Control<Member>();
  const tree = new LogTree();
  const supervisor = new Supervisor(
    async ({ run, healthy, signal }) => {
      run("consensus", consensus(control, { path }));
      healthy();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
    { tree },
  );
  supervisor.start();
  try {
    await work(control, tree, AbortSignal.timeout(20_000));
  } finally {
    await supervisor.stop();
  }
}

test("consensus starts etcd when it is wanted, ends it when not, and keeps its data", async () => {
  const member = await newMember();
  await withConsensus(ETCD, async (control, tree, signal) => {
    expect(control.running.current).toBeNull();
    await control.start(member, signal);
    await control.stop(signal);
    await control.start({ ...member }, signal);
    expect(statSync(member.socket).mode & 0o777).toBe(0o660);
    const { backlog } = tree.read({ dn: "root.consensus", backlog: "all", onlyLeveled: true });
    const texts = backlog.flatMap((entry) => (entry.kind === "leveled" ? entry.messages : []));
    expect(texts.filter((text) => text.startsWith("etcd answers at")).length).toBe(2);
    expect(texts.some((text) => text.includes("restarting local member"))).toBe(true);
  });
});

test("consensus keeps etcd running until nobody needs it", async () => {
  const member = await newMember();
  const control = new Control<Member>();
  const used = Promise.withResolvers<void>();
  const supervisor = new Supervisor(consensus(control, { path: ETCD, unused: () => used.promise }));
  supervisor.start();
  await control.start(member, AbortSignal.timeout(20_000));
  const stopped = supervisor.stop();
  await sleep(200);
  const health = await fetch(`http://127.0.0.1:${member.ports.metrics}/health`);
  expect(health.ok).toBe(true);
  used.resolve();
  await stopped;
  expect(control.running.current).toBeNull();
});

test("consensus reports a program that does not start to the supervisor", async () => {
  const member = await newMember();
  await withConsensus("/nonexistent/etcd", async (control, tree) => {
    control.wanted.set(member);
    const { stream, backlog } = tree.read({
      dn: "root.consensus",
      backlog: "all",
      stream: true,
      minimumSeverity: "error",
    });
    if (backlog.length === 0) for await (const _ of stream) break;
    stream.close();
    expect(control.running.current).toBeNull();
  });
});
