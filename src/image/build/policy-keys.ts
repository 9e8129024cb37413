// The policy keys: what they sign, a node's TPM accepts as a boot of Metropolis.
//
//   policy.key        the key of this release, and usually the only one
//   policy-next.key   its successor, while there is one
//
// To replace the key, put a policy-next.key beside it. Releases are then signed with both, and nodes
// that run one seal to the new key by themselves. When all nodes have done so, policy-next.key takes
// the name and the place of policy.key.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { p256 } from "@noble/curves/nist.js";
import type { NewSection } from "../../base/format/pe.ts";
import { formatSignedPolicies, type PcrValues, policyKey, signPolicy } from "../../base/tpm/tpm.ts";
import { EPOCH, epochReference, epochsUpTo } from "../epoch.ts";
import { POLICY_SECTION } from "../measured-boot.ts";
import { BuildError } from "./stage.ts";

/** The file that a folder of keys must hold, and the one that it may. */
export const POLICY_KEY = "policy.key";
const NEXT_POLICY_KEY = "policy-next.key";

/** A policy key. */
export interface PolicySigner {
  /** The public half. */
  readonly pem: string;
  /** ECDSA over SHA-256, DER; the same each time. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** The policy keys in a folder, the newest last. */
export async function policyKeys(folder: string): Promise<readonly PolicySigner[]> {
  const files = [POLICY_KEY, NEXT_POLICY_KEY].map((name) => join(folder, name));
  return Promise.all(files.filter((file) => existsSync(file)).map(readSigner));
}

async function readSigner(file: string): Promise<PolicySigner> {
  const key = createPrivateKey(await readFile(file));
  const { crv, d = "" } = key.export({ format: "jwk" });
  // TPMs must know this curve, and need not know others.
  if (crv !== "P-256") throw new BuildError(`${file}: must be an EC key on curve P-256`);
  const secret = Uint8Array.from(Buffer.from(d, "base64url"));
  return {
    pem: createPublicKey(key).export({ format: "pem", type: "spki" }).toString(),
    // OpenSSL's signatures are random, and a release must have the same bytes when made again.
    sign: (bytes) => p256.sign(bytes, secret, { prehash: true, format: "der" }),
  };
}

/** Makes a policy key. */
export async function makePolicyKey(path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  await writeFile(path, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
}

/** The section that says, signed, which PCRs a boot of this image has; once per key and epoch. */
export function signedPolicySection(
  signers: readonly PolicySigner[],
  values: PcrValues,
  epoch = EPOCH,
): NewSection {
  const policies = signers.flatMap(({ pem, sign }) =>
    epochsUpTo(epoch).map((each) => signPolicy(policyKey(pem), values, epochReference(each), sign)),
  );
  return { name: POLICY_SECTION, bytes: new TextEncoder().encode(formatSignedPolicies(policies)) };
}
