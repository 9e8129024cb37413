// Looks for the disk `vdz` among disks as `find-boot-disk.ts FOLDER` has them, as a process of its
// own: some of them never answer, and no process gets back the threads that wait for them.
import { join } from "node:path";
import { findBootDisk } from "../../src/node/storage/boot-disk.ts";

const [root = "", systemId = ""] = process.argv.slice(2);
const source = { sysfs: join(root, "sys"), devices: join(root, "dev"), patienceMs: 1_000 };
const { disk, troubles } = await findBootDisk({ systemId }, source);
process.stdout.write(`${JSON.stringify({ disk, troubles })}\n`);
process.exit(0);
