// Tests of what a cluster on this workstation must not be made of; the rest is for the cluster
// tests.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContextFolder, contextFiles } from "./context.ts";
import { createLocalCluster } from "./local-cluster.ts";

let config: string;
beforeEach(() => {
  config = mkdtempSync(join(tmpdir(), "local-cluster-"));
});
afterEach(() => rmSync(config, { recursive: true }));

const create = (context: ContextFolder) =>
  createLocalCluster({
    ...{ context, config, nodes: 1, step: () => {} },
    making: { kind: "processes", programs: "/nowhere" },
  });

test.each([
  [1, "1 node as processes"],
  [3, "3 nodes as processes"],
])("createLocalCluster says what it makes of %p nodes", async (nodes, told) => {
  const said: string[] = [];
  const making = { kind: "processes", programs: "/nowhere" } as const;
  const step = (text: string) => said.push(text);
  const context = new ContextFolder(config, "try");
  await createLocalCluster({ context, config, nodes, step, making }).catch(() => {});
  expect(said).toEqual([`Making cluster try: ${told}`]);
});

test.each([contextFiles.ownerKey, contextFiles.ownerCertificate, contextFiles.recoveryKey])(
  "createLocalCluster leaves a context alone that holds %s",
  async (file) => {
    const context = new ContextFolder(config, "prod");
    context.write(file, "of another cluster", 0o600);
    await expect(create(context)).rejects.toThrow(`context prod holds ${file} already`);
    expect(context.read(file)).toBe("of another cluster");
  },
);

test("createLocalCluster does not take the default context, which cannot be removed", async () => {
  await expect(create(new ContextFolder(config, "default"))).rejects.toThrow("name the cluster");
});
