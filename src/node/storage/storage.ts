// The node's storage: its disk, the ESP, the TPM, and the data partition that grows
// behind it.
//
//   command line ─► boot disk ─► ESP ─► ground ───► enrolment ─► data partition
//                                        + TPM                       │
//                                           growth (wipe) ◄──────────┘

import { readFileSync } from "node:fs";
import { Value } from "../../base/event/event.ts";
import { capital } from "../../base/format/sentence.ts";
import { slavesOf } from "../../base/linux/block-device.ts";
import { bootPartition, EfiVariables, isSecureBoot } from "../../base/linux/efi-variables.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { openTpm } from "../../base/tpm/tpm.ts";
import { runningSlotId, type Slot } from "../../image/image.ts";
import { Control, whileWanted } from "../control/control.ts";
import type { Troubles } from "../control/troubles.ts";
import { type FoundDisk, findBootDisk } from "./boot-disk.ts";
import { bootImage } from "./boot-image.ts";
import { type DataPartition, type DataVolume, dataPartition } from "./data.ts";
import { mountEsp } from "./esp.ts";
import { type Growing, growth } from "./growth.ts";
import type { Paths } from "./paths.ts";
import { tpmGuard } from "./tpm-guard.ts";
import { Vault } from "./vault.ts";

/** In memory, and all of /run that the TPM's tools see. */
const TPM_SCRATCH = "/run/tpm";

/** The verity device, which the kernel makes before any other. */
const SYSTEM_DEVICE = "dm-0";

/** What everything on the node stands on. */
export interface Ground {
  readonly partition: DataPartition;
  /** The slot that the system runs from. */
  readonly slot: Slot;
  /** The keys on the ESP. */
  readonly vault: Vault;
}

/** What storage offers to the others, and hears from them. */
export class StorageNews {
  /** Set when the ESP is mounted. */
  readonly ground = new Value<Ground>();
  /** The data partition, as far as it is mounted and in use; null: it is not. */
  readonly mounted = new Value<DataVolume | null>(null);
  /** The data partition that shall grow. */
  readonly growing = new Control<Growing>();
}

/** Finds the disk, mounts the ESP, and lets the data partition grow once it is mounted. */
export function storage(news: StorageNews, paths: Paths, troubles: Troubles): Runnable {
  return async ({ log, run, healthy, done }) => {
    const disk = await ownDisk();
    for (const trouble of disk.troubles) log.warning(capital(trouble));
    troubles.note("disks", disk.troubles);
    log.info(`This system runs from slot ${disk.slot.toUpperCase()} of ${disk.disk}`);
    await mountEsp(disk.esp, paths.esp.root, log);
    const vault = await openVault(paths, disk.slot);
    log.info(vault.hasTpm ? "Found a TPM 2.0" : "This machine has no TPM 2.0");
    run(
      "wipe",
      whileWanted(news.growing, async (growing, context) => {
        news.growing.running.set(growing);
        await growth(growing)(context);
      }),
    );
    healthy();
    const partition = dataPartition(disk.data, paths.data.root);
    news.ground.set({ partition, slot: disk.slot, vault });
    done();
  };
}

/** The disk that this system was started from. */
function ownDisk(): Promise<FoundDisk> {
  const systemId = runningSlotId(readFileSync("/proc/cmdline", "utf8"));
  const espId = bootPartition(new EfiVariables());
  return findBootDisk({ systemId, espId, systemFrom: slavesOf(SYSTEM_DEVICE) });
}

async function openVault({ esp, ephemeral }: Paths, slot: Slot): Promise<Vault> {
  const tpm = await openTpm({ scratch: TPM_SCRATCH });
  if (tpm === undefined) return new Vault(undefined, ephemeral.keys);
  const variables = new EfiVariables();
  const image = await bootImage({ images: esp.images, slot, variables });
  const guard = tpmGuard({ tpm, image, isSecureBoot: () => isSecureBoot(variables) });
  return new Vault(guard, ephemeral.keys);
}
