// The node's keys in this boot: sealed on the ESP, opened once, and then nobody can open them again.
//
//   boot ──▶ open (once) ──▶ shut ──▶ everything else, workloads too ──▶ … ──▶ next boot
//
// `shut` extends a PCR that the seal is bound to. From there on the machine's TPM refuses whatever
// runs: a cluster of the thief's own, with a pod that has the TPM, gets nothing of what lies on the
// ESP. The node agent itself may end and start again meanwhile, so what it has opened or sealed in
// this boot stays in a file in memory, for root alone; it holds no more than that program did.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import {
  closeEnvelope,
  type Envelope,
  Guard,
  type Label,
  openEnvelope,
  type Purpose,
  payloadKey,
  readEnvelope,
  SealError,
  type SealedKey,
} from "./sealed.ts";

/** What guards keys: a TPM, in the boot that the machine is in now. */
export interface KeyGuard {
  /** Throws a {@link SealError} unless what is sealed now would open after the next boot. */
  requireSealable(): Promise<void>;
  /** Seals, for releases of this epoch and later; absent: the epoch of the running one. */
  seal(key: Uint8Array, epoch?: number): Promise<SealedKey>;
  /** Throws a {@link SealError} that says why not. */
  unseal(sealed: SealedKey): Promise<Uint8Array>;
  /** Whether this key would be sealed to now; false: to one that takes its place. */
  isNewest(policyKey: Uint8Array): boolean;
  /** From now on `unseal` fails in this boot. */
  shut(): Promise<void>;
  random(length: number): Promise<Uint8Array>;
}

/** What was opened, and how it was sealed. */
export interface Opened extends Label {
  readonly payload: Uint8Array;
  /** Whether a TPM guarded it. */
  readonly isSealed: boolean;
  /** Whether it is sealed to a policy key that has a successor. */
  readonly isStale: boolean;
  readonly epoch: number;
}

const DIGEST_BYTES = 32;

/** The keys on the ESP, as long as this boot lasts. */
export class Vault {
  readonly #guard: KeyGuard | undefined;
  /** A folder that is gone when the machine is off. */
  readonly #folder: string;

  constructor(guard: KeyGuard | undefined, folder: string) {
    this.#guard = guard;
    this.#folder = folder;
  }

  get hasTpm(): boolean {
    return this.#guard !== undefined;
  }

  /** Random bytes of the TPM; undefined where there is none. */
  async random(length: number): Promise<Uint8Array | undefined> {
    return this.#guard?.random(length);
  }

  /** Throws a {@link SealError} with the reason where this machine must not seal. */
  async requireSealing(): Promise<void> {
    // Once a boot: what is measured later, by `shut`, would say no.
    if (existsSync(this.#mark("sealable"))) return;
    if (this.#guard === undefined) throw new SealError("there is no TPM", NO_TPM);
    await this.#guard.requireSealable();
    await this.#setMark("sealable");
  }

  /** Puts a payload into its envelope; in the open if it is not to be sealed. */
  async seal(
    label: Label,
    payload: Uint8Array,
    isSealed: boolean,
    epoch?: number,
  ): Promise<Uint8Array> {
    if (!isSealed) return closeEnvelope(label, payload);
    if (this.#guard === undefined) throw new SealError("there is no TPM", NO_TPM);
    const key = payloadKey();
    const bytes = closeEnvelope(label, payload, { ...(await this.#guard.seal(key, epoch)), key });
    await this.#keep(bytes, payload);
    return bytes;
  }

  /** Opens an envelope; throws a {@link SealError} where this machine cannot. */
  async open(bytes: Uint8Array, purpose: Purpose): Promise<Opened> {
    const envelope = readEnvelope(bytes, purpose);
    const { nodeId, cluster, epoch, policyKey, plaintext } = envelope;
    const label = { purpose, nodeId, cluster, epoch };
    switch (envelope.guard) {
      case Guard.NONE:
        return { ...label, payload: plaintext, isSealed: false, isStale: false };
      case Guard.TPM: {
        if (this.#guard === undefined) throw new SealError("there is no TPM", NO_TPM);
        const payload = (await this.#kept(bytes)) ?? (await this.#unseal(bytes, envelope));
        const isStale = !this.#guard.isNewest(policyKey);
        return { ...label, payload, isSealed: true, isStale };
      }
      default:
        throw new SealError("it is guarded by something else than a TPM", "Install the node again");
    }
  }

  /**
   * To be called before an installation begins. Throws a {@link SealError} where this boot has
   * opened keys of another one: they may still be in memory, and the new one's owner is a stranger.
   */
  async beginAnew(): Promise<void> {
    if (!existsSync(this.#mark("opened"))) return;
    throw new SealError("this boot has opened the keys of another installation", RESTART);
  }

  /** Lets nothing be opened in this boot any more. Must be done before anything foreign runs. */
  async shut(): Promise<void> {
    if (this.#guard === undefined || existsSync(this.#mark("shut"))) return;
    await this.#guard.shut();
    await this.#setMark("shut");
  }

  async #unseal(bytes: Uint8Array, envelope: Envelope): Promise<Uint8Array> {
    const kept = await this.#readKept();
    if (kept.length > 0 && !isOf(kept, bytes)) await this.beginAnew();
    // Noted before: a key that the TPM gave is in memory, even if the payload does not fit to it.
    await this.#keep(bytes, new Uint8Array());
    const key = await this.#guard?.unseal(envelope);
    const payload = openEnvelope(envelope, key ?? new Uint8Array());
    await this.#keep(bytes, payload);
    return payload;
  }

  async #keep(bytes: Uint8Array, payload: Uint8Array): Promise<void> {
    await this.#makeFolder();
    await writeFileAtomic(this.#mark("opened"), new Uint8Array([...digest(bytes), ...payload]));
  }

  async #kept(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    const kept = await this.#readKept();
    const isWhole = kept.length > DIGEST_BYTES && isOf(kept, bytes);
    return isWhole ? kept.subarray(DIGEST_BYTES) : undefined;
  }

  /** Empty where nothing was opened. */
  async #readKept(): Promise<Uint8Array> {
    const path = this.#mark("opened");
    return existsSync(path) ? new Uint8Array(await readFile(path)) : new Uint8Array();
  }

  #mark(name: "sealable" | "opened" | "shut"): string {
    return join(this.#folder, name);
  }

  async #setMark(name: "sealable" | "shut"): Promise<void> {
    await this.#makeFolder();
    await writeFile(this.#mark(name), "");
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }
}

/** Whether what is kept was opened of these bytes. */
function isOf(kept: Uint8Array, bytes: Uint8Array): boolean {
  return digest(bytes).equals(kept.subarray(0, DIGEST_BYTES));
}

const RESTART = "Restart the machine";
const NO_TPM = "Switch the TPM 2.0 on in the firmware's settings, or use the node's own machine";

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
