// Tests of a folder as a host, and of the arguments that name it.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Value } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Supervisor } from "../../base/supervisor/supervisor.ts";
import { Troubles } from "../control/troubles.ts";
import type { NetworkStatus } from "../network/network.ts";
import { StorageNews } from "../storage/storage.ts";
import { folderHost } from "./folder-host.ts";
import { parsePlace } from "./place.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "folder-host-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const host = () => folderHost({ folder, programs: "/programs" });

test("parsePlace reads the two folders", () => {
  const args = ["--folder", "/node", "--programs", "/programs"];
  expect(parsePlace(args)).toEqual({ folder: "/node", programs: "/programs" });
});

test("parsePlace takes no arguments for a machine", () => {
  expect(parsePlace([])).toBeUndefined();
});

test.each([
  [["--folder", "/node"]],
  [["--folder", "node", "--programs", "/programs"]],
  [["--folder", "/node", "--programs", "programs"]],
  [["--folders", "/node"]],
  [["/node"]],
])("parsePlace refuses %j", (args) => {
  expect(() => parsePlace(args)).toThrow();
});

test("folderHost has everything below its folder, and etcd where it was told", () => {
  const { paths, etcd } = host();
  for (const path of [paths.esp.root, paths.data.root, paths.ephemeral.curatorSocket]) {
    expect(path).toStartWith(folder);
  }
  expect(etcd.path).toBe("/programs/etcd");
  expect(etcd.owner).toBeUndefined();
});

test("folderHost starts with another boot id each time", () => {
  expect(host().bootId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(host().bootId).not.toBe(host().bootId);
});

test("prepare forgets what a machine forgets without power, and nothing else", () => {
  const { paths, prepare } = host();
  prepare();
  const kept = join(paths.esp.metropolis, "kept");
  const forgotten = join(paths.ephemeral.root, "forgotten");
  for (const file of [kept, forgotten]) writeFileSync(file, "");
  prepare();
  expect([existsSync(kept), existsSync(forgotten)]).toEqual([true, false]);
});

test("the parts of folderHost give a console, and the ground to stand on", async () => {
  const { parts, prepare } = host();
  prepare();
  const news = {
    network: new Value<NetworkStatus>(),
    storage: new StorageNews(),
    troubles: new Troubles(),
    membership: new Value<unknown>(),
    isClockKept: new Value<boolean>(),
  };
  const { console: screen, storage, time } = parts(news);
  const tree = new LogTree();
  const supervisor = new Supervisor(
    async ({ run, healthy, done }) => {
      for (const [name, part] of Object.entries({ screen, storage, time }))
        if (part) run(name, part);
      healthy();
      done();
    },
    { tree },
  );
  supervisor.start();
  const ground = await news.storage.ground.first(AbortSignal.timeout(5_000));
  expect([ground.slot, ground.vault.hasTpm]).toEqual(["a", false]);
  while (!existsSync(join(folder, "console.log"))) await Bun.sleep(5);
  await supervisor.stop();
});
