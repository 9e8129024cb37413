// Tests of what all attempts have in common.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { sleep } from "../../base/event/event.ts";
import { generateKeyPair } from "../../base/pki/keys.ts";
import { NodeRolesSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { folderPartition } from "../host/folder-partition.ts";
import type { Credentials } from "../storage/credentials.ts";
import { dataLayout } from "../storage/data-layout.ts";
import type { Growing } from "../storage/growth.ts";
import { type Paths, paths } from "../storage/paths.ts";
import {
  checkCommitment,
  lastSteps,
  memberOf,
  prepareData,
  release,
  type Surroundings,
  writeCommitment,
} from "./attempt.ts";
import { testSurroundings } from "./test-surroundings.ts";

let root: string;
let where: Paths;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-attempt-"));
  where = paths(root);
  for (const path of [where.esp.metropolis, where.esp.images]) mkdirSync(path, { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

/** Surroundings in which nothing runs, with a trace of releases. */
function surroundings(trace: string[] = []): Surroundings {
  const partition = folderPartition(where.data.root, `${where.data.root}.key-check`);
  const traced = { ...partition, release: async () => void trace.push("released") };
  return testSurroundings(root, { partition: traced, slot: "b" });
}

const growing: Growing = {
  layout: dataLayout(2n ** 32n),
  covered: () => 0n,
  zero: async () => {},
  grow: () => {},
};

const credentials: Credentials = {
  nodeId: "metropolis-1",
  keyPair: generateKeyPair(),
  certificate: new Uint8Array(),
  ca: new Uint8Array(8),
};

test("release ends the curator before etcd, both before the data partition", async () => {
  const trace: string[] = [];
  const all = surroundings(trace);
  all.mounted.set({});
  const member = memberOf(all, "metropolis-1");
  all.consensus.wanted.set(member);
  all.consensus.running.set(member);
  const released = release(all);
  await sleep(5);
  expect(all.consensus.wanted.current).toBeNull();
  expect(trace).toEqual([]);
  all.consensus.running.set(null);
  await released;
  expect(trace).toEqual(["released"]);
  expect(all.mounted.current).toBeNull();
});

test("prepareData makes the folders of the data partition", async () => {
  await prepareData(surroundings());
  expect(readdirSync(where.data.root).toSorted()).toEqual(["etcd", "node"]);
});

test("the last steps open the node with its credentials, and wait for the curator", async () => {
  const all = surroundings();
  const member = create(NodeRolesSchema, { consensusMember: {} });
  const { open } = lastSteps(
    all,
    () => member,
    () => ({ credentials, volume: { growing } }),
  );
  let isThrough = false;
  const opened = open?.().then(() => {
    isThrough = true;
  });
  await sleep(5);
  expect([all.membership.current, isThrough]).toEqual([credentials, false]);
  expect(all.mounted.current).toEqual({ growing });
  all.isOpen.set(true);
  await opened;
  expect(isThrough).toBe(true);
});

test("the last steps let the disk grow only when the node is up, and clean up", async () => {
  writeFileSync(where.esp.parameters, "secret");
  writeFileSync(join(where.esp.images, "metropolis-b+2-1.efi"), "kernel");
  const all = surroundings();
  writeFileSync(where.esp.registration, "secret");
  const { clean, finish } = lastSteps(
    all,
    () => create(NodeRolesSchema),
    () => ({ credentials, volume: { growing } }),
  );
  expect(all.growing.wanted.current).toBeNull();
  await clean?.();
  await finish?.();
  expect(all.growing.wanted.current).toBe(growing);
  expect([where.esp.parameters, where.esp.registration].filter(existsSync)).toEqual([]);
  expect(readdirSync(where.esp.images)).toEqual(["metropolis-b.efi"]);
});

test("a node without roles waits for no curator, and goes on where its ESP is read-only", async () => {
  const all = surroundings();
  const { open, finish } = lastSteps(
    all,
    () => create(NodeRolesSchema),
    () => ({ credentials, volume: {} }),
  );
  await open?.();
  expect(all.isOpen.current).toBe(false);
  rmSync(where.esp.images, { recursive: true });
  await finish?.();
});

test.each([
  [true, true],
  [false, false],
  [false, true],
])(
  "a disk committed with its TPM counted on: %p takes a sealed configuration: %p",
  async (...both) => {
    const all = surroundings();
    await prepareData(all);
    await writeCommitment(all, both[0]);
    await checkCommitment(where, both[1]);
  },
);

test("a disk whose node has sealed its keys takes no configuration that lies in the open", async () => {
  const all = surroundings();
  await prepareData(all);
  await expect(checkCommitment(where, false)).rejects.toThrow("an earlier release");
  await writeCommitment(all, true);
  await expect(checkCommitment(where, false)).rejects.toThrow("not sealed");
});
