// PID 1 of the machine that proves the growing data partition: it runs the node's own
// storage code on a real kernel, with fio beside it and xfs_repair before and after.
//
// Each result is a line `GROWTH key value` on the console. With `cut=N` on the command
// line the machine is reset after N seconds of growing, as if the power had gone.
import { mkdirSync, readFileSync } from "node:fs";
import { mount, unmount } from "../../src/base/linux/mount.ts";
import { powerOff, restart } from "../../src/base/linux/reboot.ts";
import { xfsGeometry } from "../../src/base/linux/xfs.ts";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { run } from "../../src/base/process/process.ts";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { type DataVolume, dataPartition } from "../../src/node/storage/data.ts";
import { type Growing, growth } from "../../src/node/storage/growth.ts";
import { MAPPED_DEVICE } from "../../src/node/storage/luks.ts";

const DISK = "/dev/vda";
const TARGET = "/mnt";
const env = { PATH: "/bin" };
const lock = { protection: "authenticated", passphrase: new Uint8Array(32).fill(7) } as const;
const partition = dataPartition(DISK, TARGET);
const tree = new LogTree();

function tell(key: string, value: unknown): void {
  process.stdout.write(`GROWTH ${key} ${value}\n`);
}

function prepare(): void {
  process.env.PATH = env.PATH;
  for (const [type, target] of [
    ["proc", "/proc"],
    ["sysfs", "/sys"],
    ["devtmpfs", "/dev"],
    ["tmpfs", "/run"],
    ["tmpfs", "/tmp"],
  ] as const) {
    mount({ source: type, target, type });
  }
  mkdirSync("/dev/mapper", { recursive: true });
}

/** Opens the partition; makes it first where an earlier boot was cut before it was made. */
async function openOrCreate(): Promise<DataVolume> {
  try {
    return await partition.open(lock);
  } catch {
    await partition.release();
    const began = performance.now();
    const volume = await partition.create(lock, tree.logger("root.storage"));
    tell("created-ms", Math.round(performance.now() - began));
    return volume;
  }
}

/** Unmounts, checks, and mounts again. */
async function check(when: string): Promise<DataVolume> {
  unmount(TARGET);
  await run(["xfs_repair", "-n", MAPPED_DEVICE], { env });
  tell("repaired", when);
  await partition.release();
  return partition.open(lock);
}

/** Writes and verifies with fio; throws what fio says about a wrong byte. */
async function fio(name: string, megabytes: number): Promise<void> {
  const options = ["--rw=randwrite", "--bs=16k", "--fsync=32", "--verify=crc32c", "--do_verify=1"];
  const place = [`--directory=${TARGET}`, `--name=${name}`, `--size=${megabytes}m`];
  await run(["fio", ...place, ...options], { env });
  tell("verified", name);
}

function cutAfter(seconds: number, growing: Growing): void {
  setTimeout(() => {
    tell("cut-at-mib", growing.covered() >> 20n);
    // Nothing is written back before.
    restart();
  }, seconds * 1_000);
}

/** Grows to the end, with fio going on meanwhile. */
async function grow(growing: Growing): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const wipe = growth(growing);
  const supervisor = new Supervisor(
    async (context) => {
      await wipe(context);
      resolve();
    },
    { tree },
  );
  supervisor.start();
  await Promise.all([promise, fio("during", 24)]);
  await supervisor.stop();
}

async function main(): Promise<void> {
  prepare();
  await openOrCreate();
  const { growing } = await check("start");
  if (growing === undefined) throw new TypeError("the data partition does not grow");
  tell("covered-mib", growing.covered() >> 20n);
  const cut = /cut=(\d+)/.exec(readFileSync("/proc/cmdline", "utf8"))?.[1];
  if (cut !== undefined) cutAfter(Number(cut), growing);
  await grow(growing);
  tell("grown-mib", growing.covered() >> 20n);
  tell("groups", xfsGeometry(TARGET).groups);
  await fio("after", 256);
  await check("end");
  // Every sector of the device can be read: nothing was left unwritten.
  await run(["dd", `if=${MAPPED_DEVICE}`, "of=/dev/null", "bs=1M", "iflag=direct"], { env });
  await partition.release();
  tell("done", "yes");
}

main()
  .catch((error: unknown) => tell("failed", error))
  .finally(() => powerOff());
