// How a machine's TPM guards the node's keys: they open in this Secure Boot state, and only for a
// boot of which a policy key has signed that it is Metropolis and nothing else.
import {
  findSignedPolicy,
  type PolicyKey,
  pcrPolicy,
  type SignedPolicy,
  type Tpm,
  TpmError,
} from "../../base/tpm/tpm.ts";
import {
  EPOCH,
  epochReference,
  IMAGE_PCRS,
  predictPcrs,
  RUNNING,
  RUNNING_PCR,
} from "../../image/image.ts";
import type { BootImage } from "./boot-image.ts";
import { SealError, type SealedKey } from "./sealed.ts";
import type { KeyGuard } from "./vault.ts";

/** A TPM that was just woken may say that it is busy; more often than this it is broken. */
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

/** What the guard asks the machine for. */
export interface Boot {
  readonly tpm: Tpm;
  readonly image: BootImage;
  /** Whether the firmware enforces Secure Boot: on, and not in setup mode. */
  isSecureBoot(): boolean;
}

/** The guard of a machine with a TPM. */
export function tpmGuard(boot: Boot): KeyGuard {
  const { tpm, image } = boot;
  const isNamed = (name: Uint8Array) => (key: PolicyKey) => Buffer.compare(key.name, name) === 0;
  return {
    requireSealable: () => requireSealable(boot),
    async seal(key, epoch = EPOCH) {
      requireSecureBoot(boot);
      const to = newestKey(image);
      const reference = epochReference(epoch);
      const sealedKey = await tpm.seal(key, { key: to, reference });
      return { sealedKey, policyKey: to.name, epoch };
    },
    async unseal(sealed) {
      const key = image.keys.find(isNamed(sealed.policyKey));
      if (key === undefined) throw new SealError(OTHER_KEY, OTHER_RELEASE);
      return unseal(boot, sealed, key);
    },
    isNewest: (name) => image.keys.findLastIndex(isNamed(name)) === image.keys.length - 1,
    shut: () => tpm.measure(RUNNING_PCR, RUNNING),
    random: (length) => tpm.random(length),
  };
}

const OTHER_KEY = "it is sealed for a policy key that this release does not have";
const OTHER_RELEASE =
  "Boot the release that sealed it, or one that has its policy key and the next; " +
  "or install the node again";
const BUILD =
  "Use a release that was built with its policy key, by the key's owner; metroctl's bundle is one";

function newestKey({ keys }: BootImage): PolicyKey {
  const key = keys.at(-1);
  if (key !== undefined) return key;
  throw new SealError("this system image has no policy key", BUILD);
}

/** Without it the TPM would seal to a state that anyone can bring about with a medium of his. */
function requireSecureBoot({ isSecureBoot }: Boot): void {
  if (isSecureBoot()) return;
  throw new SealError(
    "Secure Boot is off or in setup mode, and what the TPM seals would open to any system",
    "Enrol the keys and switch Secure Boot on in the firmware's settings, or let the cluster not " +
      "use TPMs (--bootstrap-tpm-mode disabled)",
  );
}

/** Where firmware measures the state of Secure Boot. */
const SECURE_BOOT_PCR = 7;

/** What is sealed to an empty register opens to whatever firmware without that habit starts. */
async function requireMeasured({ tpm }: Boot): Promise<void> {
  const state = (await tpm.pcrs([SECURE_BOOT_PCR])).get(SECURE_BOOT_PCR);
  if (state?.some((byte) => byte !== 0)) return;
  throw new SealError(
    "the firmware has not measured the state of Secure Boot (PCR 7 is empty)",
    "Update the firmware, or let the cluster not use TPMs (--bootstrap-tpm-mode disabled)",
  );
}

async function requireSealable(boot: Boot): Promise<void> {
  requireSecureBoot(boot);
  await requireMeasured(boot);
  const signed = await signedPolicy(boot, newestKey(boot.image), EPOCH);
  const present = await boot.tpm.pcrs(signed.pcrs);
  if (Buffer.compare(pcrPolicy(present), signed.policy) !== 0) throw await difference(boot);
}

async function signedPolicy({ image }: Boot, key: PolicyKey, epoch: number): Promise<SignedPolicy> {
  const found = findSignedPolicy(await image.policies(), key, epochReference(epoch));
  if (found !== undefined) return found;
  throw new SealError(
    `this kernel image is not signed with the policy key for epoch ${epoch}`,
    "Boot a release that is: the newest one, or the one that sealed it",
  );
}

async function unseal(boot: Boot, sealed: SealedKey, key: PolicyKey): Promise<Uint8Array> {
  const signed = await signedPolicy(boot, key, sealed.epoch);
  for (let attempt = 1; ; attempt++) {
    try {
      return await boot.tpm.unseal(sealed.sealedKey, key, signed);
    } catch (error) {
      if (!(error instanceof TpmError)) throw error;
      if (error.kind !== "failed" || attempt === ATTEMPTS) throw await explain(boot, error);
      await Bun.sleep(PAUSE_MS);
    }
  }
}

async function explain(boot: Boot, cause: TpmError): Promise<SealError> {
  switch (cause.kind) {
    case "image":
      return difference(boot, cause);
    case "secureBoot":
      return new SealError(
        "the Secure Boot state has changed since it was sealed (PCR 7)",
        "Restore the firmware settings under which the node was installed, above all Secure Boot " +
          "and its keys; or install the node again",
        { cause },
      );
    case "foreign":
      return new SealError(
        "it was sealed by another TPM, or by this one before it was cleared",
        "Use the machine whose disk this is; or install the node again",
        { cause },
      );
    default:
      return new SealError(cause.message, "Restart the machine; or install the node again", {
        cause,
      });
  }
}

/** In which register this boot differs from what was signed, and what that says. */
async function difference(boot: Boot, cause?: TpmError): Promise<SealError> {
  const present = await boot.tpm.pcrs(IMAGE_PCRS);
  const expected = predictPcrs(await boot.image.bytes());
  const differs = (pcr: number) =>
    Buffer.compare(present.get(pcr) ?? Buffer.of(), expected.get(pcr) ?? Buffer.of()) !== 0;
  const options = cause === undefined ? {} : { cause };
  if (differs(12)) {
    return new SealError(
      "something was added to this boot that is not in the signed image (PCR 12)",
      "Remove credentials, extensions, add-ons and boot entries that are not Metropolis's from " +
        "the ESP, and systemd-stub's strings from the machine's SMBIOS; then restart it",
      options,
    );
  }
  if (differs(9)) {
    return new SealError(
      "the kernel was given another command line, or an initial RAM disk (PCR 9)",
      "Remove boot entries that are not Metropolis's from the ESP, then restart the machine",
      options,
    );
  }
  return new SealError(
    "another kernel image was booted than is signed, or this boot has shut its keys already (PCR 11)",
    "Restart the machine; if that does not help, install the node again",
    options,
  );
}
