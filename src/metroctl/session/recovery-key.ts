// The operator's recovery key: made together with the medium of the first node,
// its private half never leaves the operator. It opens backups, and the disks of
// a cluster that cannot open them by itself.
import { decodePem, encodePem } from "../../base/pki/keys.ts";
import { type BoxKeyPair, boxKeyPair, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";
import { UserError } from "../output/user-error.ts";
import { type ContextFolder, contextFiles } from "./context.ts";

const LABEL = "METROPOLIS OPERATOR RECOVERY PRIVATE KEY";

/** The recovery key of a context; made on first use. */
export function ensureRecoveryKey(context: ContextFolder): BoxKeyPair {
  const existing = loadRecoveryKey(context);
  if (existing !== undefined) return existing;
  const made = generateBoxKeyPair();
  context.write(contextFiles.recoveryKey, encodePem(LABEL, made.privateKey), 0o600);
  return made;
}

/** The recovery key of a context, if it has one. Throws a {@link UserError} for a damaged file. */
export function loadRecoveryKey(context: ContextFolder): BoxKeyPair | undefined {
  const text = context.read(contextFiles.recoveryKey);
  if (text === undefined) return undefined;
  try {
    return boxKeyPair(decodePem(LABEL, text));
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
