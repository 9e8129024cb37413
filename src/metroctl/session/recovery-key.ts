// The operator's recovery key: made together with the medium of the first node,
// its private half never leaves the operator. It opens backups, and the disks of
// a cluster that cannot open them by itself. The file is an identity of age, which
// opens backups where there is no metroctl.
import { ageIdentity, ageRecipient, readAgeIdentity } from "../../base/pki/age.ts";
import { type BoxKeyPair, boxKeyPair, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";

/** The recovery key of a context; made on first use. */
export function ensureRecoveryKey(context: ContextFolder): BoxKeyPair {
  const existing = loadRecoveryKey(context);
  if (existing !== undefined) return existing;
  const made = generateBoxKeyPair();
  context.write(contextFiles.recoveryKey, keyFile(made), 0o600);
  return made;
}

/** The recovery key of a context, if it has one. Throws a {@link UserError} for a damaged file. */
export function loadRecoveryKey(context: ContextFolder): BoxKeyPair | undefined {
  const text = context.readSecret(contextFiles.recoveryKey);
  if (text === undefined) return undefined;
  try {
    return boxKeyPair(readAgeIdentity(text));
  } catch (error) {
    const path = `${context.path}/${contextFiles.recoveryKey}`;
    throw new UserError(`${path} is damaged: restore it from a copy`, { cause: error });
  }
}

/** The recovery key of a context. Throws a {@link UserError} where there is none. */
export function recoveryKey(context: ContextFolder): BoxKeyPair {
  const key = loadRecoveryKey(context);
  if (key !== undefined) return key;
  throw new UserError(
    `context ${context.name} has no ${contextFiles.recoveryKey}: use the machine and context that ran install genusb --bootstrap`,
  );
}

function keyFile({ publicKey, privateKey }: BoxKeyPair): string {
  return [
    "# Recovery key of a Metropolis cluster: opens its backups, and the disks of its members.",
    "# Keep a copy where the machines are not. See: metroctl handbook cold-start",
    `# public key: ${ageRecipient(publicKey)}`,
    ageIdentity(privateKey),
    "",
  ].join("\n");
}
