// The encrypted device under the data partition: LUKS2, by cryptsetup.
//
// Passphrases go in by standard input, never by an argument that /proc would show.
import { existsSync } from "node:fs";
import { ExitError, run } from "../../base/process/process.ts";
import { KeyError, UNLOCK_KEY_BYTES } from "./keys.ts";

/** How the data partition is protected. */
export type Protection = "insecure" | "encrypted" | "authenticated";

/** Nobody else maps devices on a node. */
const NAME = "data";

/** The device that an opened data partition appears as. */
export const MAPPED_DEVICE = `/dev/mapper/${NAME}`;

// The passphrase is 32 random bytes, so there is nothing for a slow derivation to
// defend, and each boot would pay for it. These are the fewest iterations allowed.
const PBKDF = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/** There is no udev on a node that would make the device nodes. */
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DM_DISABLE_UDEV: "1" };

const cipherArguments = {
  // No wipe: the file system grows over what was written (data-layout.ts).
  authenticated: [
    ["--cipher", "aes-gcm-random", "--key-size", "256"],
    ["--integrity", "aead", "--integrity-no-wipe"],
  ].flat(),
  encrypted: ["--cipher", "aes-xts-plain64", "--key-size", "512"],
} as const;

/** Arguments that make a LUKS2 device out of a partition. */
export function formatArguments(
  device: string,
  protection: Exclude<Protection, "insecure">,
): readonly string[] {
  return [
    ...["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--sector-size", "4096"],
    ...cipherArguments[protection],
    ...PBKDF,
    ...["--key-file=-", `--keyfile-size=${UNLOCK_KEY_BYTES}`, device],
  ];
}

/** Arguments that open it. */
export function openArguments(device: string): readonly string[] {
  return [
    ...["cryptsetup", "open", "--type", "luks2"],
    ...["--key-file=-", `--keyfile-size=${UNLOCK_KEY_BYTES}`, device, NAME],
  ];
}

/** Makes the partition a LUKS2 device. All that was on it is lost. */
export async function formatLuks(
  device: string,
  protection: Exclude<Protection, "insecure">,
  passphrase: Uint8Array,
): Promise<void> {
  await run(formatArguments(device, protection), { input: passphrase, env: ENVIRONMENT });
}

/** Opens a LUKS2 device, which then appears as {@link MAPPED_DEVICE}. */
export async function openLuks(device: string, passphrase: Uint8Array): Promise<void> {
  await run(openArguments(device), { input: passphrase, env: ENVIRONMENT });
}

/** Closes the device, if it is open. */
export async function closeLuks(): Promise<void> {
  if (!existsSync(MAPPED_DEVICE)) return;
  await run(["cryptsetup", "close", NAME], { env: ENVIRONMENT });
}

/** What cryptsetup ends with where no slot, or not the one that was named, has this key. */
const WRONG_KEY = 2;

const KEY_ON_STDIN = ["--key-file=-", `--keyfile-size=${UNLOCK_KEY_BYTES}`];

/** Whether a passphrase opens a device: any of its key slots, or the one that is named. */
export async function opensLuks(
  device: string,
  passphrase: Uint8Array,
  slot?: string,
): Promise<boolean> {
  const named = slot === undefined ? [] : [`--key-slot=${slot}`];
  const argv = ["cryptsetup", "open", "--test-passphrase", "--type", "luks2", ...named];
  try {
    await run([...argv, ...KEY_ON_STDIN, device], { input: passphrase, env: ENVIRONMENT });
    return true;
  } catch (error) {
    if (error instanceof ExitError && error.exitCode === WRONG_KEY) return false;
    throw error;
  }
}

/** Gives a device another key slot; does nothing where `next` opens it already. */
export async function addLuksKey(
  device: string,
  present: Uint8Array,
  next: Uint8Array,
): Promise<void> {
  if (await opensLuks(device, next)) return;
  const argv = ["cryptsetup", "luksAddKey", "--batch-mode", ...PBKDF, ...KEY_ON_STDIN];
  // Both come by standard input, one after the other. The header is synced, and there twice.
  await run([...argv, `--new-keyfile-size=${UNLOCK_KEY_BYTES}`, device, "-"], {
    input: Buffer.concat([present, next]),
    env: ENVIRONMENT,
  });
}

/**
 * Destroys all key slots but the one of a passphrase; gives how many. Throws a
 * {@link KeyError}, and changes nothing, where it opens none.
 */
export async function keepLuksKey(device: string, passphrase: Uint8Array): Promise<number> {
  const slots = await luksSlots(device);
  const kept = await findAsync(slots, (slot) => opensLuks(device, passphrase, slot));
  if (kept === undefined) throw new KeyError(`keep key of ${device}: it opens no slot`);
  const others = slots.filter((slot) => slot !== kept);
  for (const slot of others) {
    const argv = ["cryptsetup", "luksKillSlot", "--batch-mode", ...KEY_ON_STDIN, device, slot];
    await run(argv, { input: passphrase, env: ENVIRONMENT });
  }
  return others.length;
}

async function luksSlots(device: string): Promise<readonly string[]> {
  const argv = ["cryptsetup", "luksDump", "--dump-json-metadata", device];
  const { keyslots } = JSON.parse((await run(argv, { env: ENVIRONMENT })).text);
  return Object.keys(keyslots);
}

async function findAsync<T>(
  items: readonly T[],
  isIt: (item: T) => Promise<boolean>,
): Promise<T | undefined> {
  for (const item of items) if (await isIt(item)) return item;
  return undefined;
}
