// The encrypted device under the data partition: LUKS2, by cryptsetup.
//
// Passphrases go in by standard input, never by an argument that /proc would show.
import { existsSync } from "node:fs";
import { ExitError, run } from "../../base/process/process.ts";
import { KeyError, UNLOCK_KEY_BYTES } from "./keys.ts";
import { ciphers, type Encryption, withHeader } from "./luks-header.ts";

/** How the data partition is protected. */
export type Protection = "insecure" | Encryption;

/** Nobody else maps devices on a node. */
const NAME = "data";

/** The device that an opened data partition appears as. */
export const MAPPED_DEVICE = `/dev/mapper/${NAME}`;

// The passphrase is 32 random bytes, so there is nothing for a slow derivation to
// defend, and each boot would pay for it. These are the fewest iterations allowed.
const PBKDF = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

/** There is no udev on a node that would make the device nodes. */
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DM_DISABLE_UDEV: "1" };

/** In memory, and cryptsetup's own. */
const HEADERS = "/run/cryptsetup";

function cipherArguments(encryption: Encryption): readonly string[] {
  const cipher = ciphers[encryption];
  const all = ["--cipher", cipher.name, "--key-size", `${cipher.keyBytes * 8}`];
  if (!("integrity" in cipher)) return all;
  // No wipe: the file system grows over what was written (data-layout.ts).
  return [...all, "--integrity", cipher.integrity, "--integrity-no-wipe"];
}

/** Arguments that make a LUKS2 device out of a partition. */
export function formatArguments(device: string, encryption: Encryption): readonly string[] {
  return [
    ...["cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--sector-size", "4096"],
    ...cipherArguments(encryption),
    ...PBKDF,
    ...["--key-file=-", `--keyfile-size=${UNLOCK_KEY_BYTES}`, device],
  ];
}

/** Arguments that open it, with a header that lies elsewhere. */
export function openArguments(device: string, header: string): readonly string[] {
  return [
    ...["cryptsetup", "open", "--type", "luks2", "--header", header],
    ...["--key-file=-", `--keyfile-size=${UNLOCK_KEY_BYTES}`, device, NAME],
  ];
}

/** Makes the partition a LUKS2 device. All that was on it is lost. */
export async function formatLuks(
  device: string,
  encryption: Encryption,
  passphrase: Uint8Array,
): Promise<void> {
  await run(formatArguments(device, encryption), { input: passphrase, env: ENVIRONMENT });
}

/**
 * Opens a LUKS2 device, which then appears as {@link MAPPED_DEVICE}. Throws a {@link HeaderError}
 * where its header does not say what `formatLuks` makes it say.
 */
export async function openLuks(
  device: string,
  encryption: Encryption,
  passphrase: Uint8Array,
  headers: string = HEADERS,
): Promise<void> {
  await withHeader(device, encryption, headers, (header) =>
    run(openArguments(device, header), { input: passphrase, env: ENVIRONMENT }),
  );
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
