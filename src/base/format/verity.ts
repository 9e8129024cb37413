// The kernel's device-mapper table for a partition that carries its own hash tree (dm-verity).
import { FormatError } from "./format.ts";

/** Data and hashes are in blocks of this size. */
export const VERITY_BLOCK_BYTES = 4096;

/** A device-mapper table counts in sectors of this size, whatever the disk has. */
const SECTOR_BYTES = 512;

/** What identifies a verified partition. */
export interface VerityTable {
  /** In hexadecimal. */
  readonly rootHash: string;
  /** In hexadecimal. */
  readonly salt: string;
  /** Number of data blocks; the hash tree follows right behind them. */
  readonly dataBlocks: number;
  /** GUID of the partition that holds both. */
  readonly partuuid: string;
}

/**
 * The table of one device.
 *
 * A block that does not match makes the kernel panic: reading on with errors would leave a system
 * of which some parts work, and the machine's watchdog for boot attempts would never see it fail.
 */
export function verityTable({ rootHash, salt, dataBlocks, partuuid }: VerityTable): string {
  checkHex("root hash", rootHash, 64);
  checkHex("salt", salt, salt.length);
  if (!Number.isSafeInteger(dataBlocks) || dataBlocks <= 0) {
    throw new FormatError(`verity: ${dataBlocks} is no number of blocks`);
  }
  const partition = `PARTUUID=${partuuid}`;
  const sectors = dataBlocks * (VERITY_BLOCK_BYTES / SECTOR_BYTES);
  return [
    `0 ${sectors} verity 1 ${partition} ${partition}`,
    `${VERITY_BLOCK_BYTES} ${VERITY_BLOCK_BYTES} ${dataBlocks} ${dataBlocks}`,
    `sha256 ${rootHash} ${salt === "" ? "-" : salt} 1 panic_on_corruption`,
  ].join(" ");
}

/** The kernel command line that sets the device up before there is any user space. */
export function verityCommandLine(table: VerityTable, name = "system"): string {
  return [
    `dm-mod.waitfor=PARTUUID=${table.partuuid}`,
    `dm-mod.create="${name},,,ro,${verityTable(table)}"`,
    "root=/dev/dm-0",
  ].join(" ");
}

function checkHex(what: string, text: string, digits: number): void {
  if (text.length === digits && digits % 2 === 0 && /^[0-9a-f]*$/.test(text)) return;
  throw new FormatError(`verity: ${what} ${JSON.stringify(text)} is malformed`);
}
