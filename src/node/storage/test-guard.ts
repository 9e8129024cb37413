// A guard for tests that knows its own seals only, as a TPM does, opens nothing once it was shut in
// a boot, and notes what it was asked for.
import { SealError } from "./sealed.ts";
import { type KeyGuard, Vault } from "./vault.ts";

/** How a test guard is. */
export interface TestGuardOptions {
  /** Why it must not seal. */
  readonly refusal?: string;
  /** The policy keys of the running release, the newest last. */
  readonly policyKeys?: readonly number[];
  /** What was asked for, in order; others may note more. */
  readonly trace?: string[];
}

/** One boot of a machine; guards with the same secret are the same machine. */
export function testGuard(secret: number, options: TestGuardOptions = {}): KeyGuard {
  const { refusal, policyKeys = [1], trace = [] } = options;
  const name = (key: number) => Uint8Array.of(key);
  const newest = policyKeys.at(-1) ?? 0;
  const crypt = (bytes: Uint8Array) => bytes.map((byte) => byte ^ secret);
  const refuse = (reason: string) => new SealError(reason, "Do something about it");
  let isShut = false;
  return {
    async requireSealable() {
      if (refusal !== undefined || isShut) throw refuse(refusal ?? "it is shut");
    },
    async seal(key, epoch = 1) {
      trace.push("seal");
      if (refusal !== undefined) throw refuse(refusal);
      return { sealedKey: crypt(key), policyKey: name(newest), epoch };
    },
    async unseal({ sealedKey, policyKey }) {
      trace.push("unseal");
      if (isShut) throw refuse("it is shut");
      if (!policyKeys.includes(policyKey[0] ?? 0)) throw refuse("not for this policy key");
      return crypt(sealedKey);
    },
    isNewest: (policyKey) => policyKey[0] === newest,
    async shut() {
      trace.push("shut");
      isShut = true;
    },
    random: async (length) => new Uint8Array(length),
  };
}

/** A vault for one boot; its folder must be gone before the next. */
export function testVault(folder: string, secret: number, options?: TestGuardOptions): Vault {
  return new Vault(testGuard(secret, options), folder);
}
