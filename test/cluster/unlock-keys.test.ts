// The key of a disk is replaced while the power goes, at each point where that could matter:
// of one machine, and of all of them. When a cluster grows beyond one member, all get new keys.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { admit } from "./faults.ts";
import { type ProcessCluster, processCluster } from "./process-cluster.ts";
import { PATIENCE_MS, settle } from "./support.ts";

const SPARE = 2;

/** What the spare machine says when its power goes. */
const points = [
  // Both keys open the disk, and the cluster does not know that yet.
  "The data partition opens with a new key, too",
  // The old key is gone.
  "The data partition opens with its new key alone",
];

/** The keys that open the disk of a machine. */
function slots({ cluster }: ProcessCluster, machine: number): readonly string[] {
  const { directory } = cluster.machine(machine).files;
  return readFileSync(join(directory, "data.key-check"), "utf8").split("\n");
}

describe.each(points)("all power goes at: %s", (text) => {
  let cluster: ProcessCluster;
  let before: readonly string[];

  beforeAll(async () => {
    cluster = await processCluster({ name: "unlock-keys", nodes: 1, spare: 1 });
    before = slots(cluster, 1);
    const nodes = await cluster.nodes();
    await cluster.register(SPARE, {
      FAULT: JSON.stringify({ at: "log", text, action: "die" }),
      BUN_OPTIONS: `--preload=${join(import.meta.dir, "fault-preload.ts")}`,
    });
    // It has no vote for long: its power goes as soon as it has one.
    const admitted = admit(cluster, nodes).catch(() => undefined);
    const hit = join(cluster.machine(SPARE).files.directory, "fault-hit");
    await settle("the power cut", PATIENCE_MS, () => existsSync(hit));
    await cluster.kill(1, SPARE);
    await cluster.powerOn(1, SPARE);
    await admitted;
  });
  afterAll(async () => cluster?.[Symbol.asyncDispose]());

  test("the cluster comes back without help, and each disk opens with one new key", async () => {
    await cluster.voters(2);
    await settle("one key for each disk", PATIENCE_MS, () =>
      [1, SPARE].every((machine) => slots(cluster, machine).length === 1),
    );
    expect(slots(cluster, 1)).not.toEqual(before);
  });

  test("it does so again with these keys", async () => {
    const [first, second] = [slots(cluster, 1), slots(cluster, SPARE)];
    await cluster.kill(1, SPARE);
    await cluster.powerOn(1, SPARE);
    await cluster.write("with new keys");
    expect([slots(cluster, 1), slots(cluster, SPARE)]).toEqual([first, second]);
  });
});
