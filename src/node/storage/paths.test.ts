// Tests of the directory tree.
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDataTree, paths } from "./paths.ts";

test("paths are the documented ones on a machine", () => {
  const { esp, data, ephemeral } = paths();
  expect(esp.sealedConfiguration).toBe("/esp/metropolis/sealed_configuration.pb");
  expect(esp.images).toBe("/esp/EFI/Linux");
  expect(data.etcdPeer.key).toBe("/data/etcd/peer_pki/cert-key.pem");
  expect(data.credentials.certificate).toBe("/data/node/credentials/cert.pem");
  expect(ephemeral.curatorSocket).toBe("/run/metropolis/curator/curator.sock");
});

test("paths of another root stay below it", () => {
  const all = JSON.stringify(paths("/tmp/one"));
  const found = [...all.matchAll(/"(\/[^"]*)"/g)].map(([, path = ""]) => path);
  expect(found.length).toBeGreaterThan(20);
  expect(found.filter((path) => !path.startsWith("/tmp/one/"))).toEqual([]);
});

test("makeDataTree makes folders that nobody else can read, again and again", () => {
  const root = mkdtempSync(join(tmpdir(), "node-paths-"));
  try {
    makeDataTree(paths(root));
    makeDataTree(paths(root));
    const { data } = paths(root);
    for (const path of [data.etcdData, data.etcdPeer.root, data.credentials.root]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
