// What is said of a data partition that fills up.
import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { Value } from "../../base/event/event.ts";
import { until } from "../../base/event/test-until.ts";
import { testSupervisor } from "../../base/supervisor/test-supervisor.ts";
import { Troubles } from "../control/troubles.ts";
import type { DataVolume } from "./data.ts";
import { dataLayout } from "./data-layout.ts";
import { dataRoom } from "./room.ts";

const SENTENCE =
  "the data partition is nearly full, 12 MiB are left: install the node again on a larger disk";

/** What is said of a partition, look by look, and what its room and its mount are. */
class Watched {
  readonly troubles = new Troubles();
  readonly mounted = new Value<DataVolume | null>(null);
  bytes = 12 << 20;
  looks = 0;

  run(lookMs = 1) {
    const { troubles, mounted } = this;
    const free = async () => {
      this.looks += 1;
      return this.bytes;
    };
    return testSupervisor(dataRoom({ root: "/data", mounted, troubles, lookMs, free }));
  }

  /** Waits for a look that began after this call, and gives what is said then. */
  async next(): Promise<readonly string[]> {
    const after = this.looks + 1;
    await until(() => this.looks > after);
    return this.troubles.all.current ?? [];
  }
}

/** A file system on a device of 4 GiB, of which it covers a part. */
function device(covered: () => bigint): DataVolume {
  const layout = dataLayout(2n ** 32n);
  return { growing: { layout, covered, zero: async () => {}, grow: () => {} } };
}

test("dataRoom tells of a partition that is nearly full, and takes it back", async () => {
  const watched = new Watched();
  watched.mounted.set({});
  await using _ = watched.run();
  expect(await watched.next()).toEqual([SENTENCE]);
  watched.bytes = 1 << 30;
  expect(await watched.next()).toEqual([]);
});

test("dataRoom says nothing while the file system is smaller than its device", async () => {
  const watched = new Watched();
  let covered = 2n ** 28n;
  watched.mounted.set(device(() => covered));
  await using _ = watched.run();
  expect(await watched.next()).toEqual([]);
  covered = 2n ** 32n;
  expect(await watched.next()).toEqual([SENTENCE]);
});

test("dataRoom looks as soon as there is something to look at, and tells a full one at once", async () => {
  const watched = new Watched();
  await using _ = watched.run(3_600_000);
  watched.mounted.set(device(() => 2n ** 32n));
  await until(() => watched.troubles.all.current?.[0] === SENTENCE);
  expect(watched.looks).toBe(1);
});

test("dataRoom looks at nothing before the partition is mounted, nor after: others have no room", async () => {
  const watched = new Watched();
  await using _ = watched.run();
  await Bun.sleep(20);
  expect(watched.looks).toBe(0);
  watched.mounted.set({});
  await watched.next();
  watched.mounted.set(null);
  await Bun.sleep(20);
  const { looks } = watched;
  await Bun.sleep(20);
  expect(watched.looks).toBe(looks);
});

test("dataRoom sees the room of a real file system", async () => {
  const troubles = new Troubles();
  const mounted = new Value<DataVolume | null>({});
  await using _ = testSupervisor(dataRoom({ root: tmpdir(), mounted, troubles, lookMs: 1 }));
  await Bun.sleep(20);
  expect(troubles.all.current).toEqual([]);
});
