// The keys of a build: Secure Boot's, which firmware trusts, with firmware for virtual machines
// that trusts them; and the policy keys, which nodes' TPMs trust (policy-keys.ts).
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { signPe } from "../../base/format/authenticode.ts";
import {
  ATTRIBUTE,
  certificateList,
  type FirmwareVariable,
  writeVariables,
} from "../../base/format/variable-store.ts";
import { efiVendor } from "../../base/linux/efi-variables.ts";
import { host } from "./host.ts";
import { makePolicyKey, POLICY_KEY, type PolicySigner, policyKeys } from "./policy-keys.ts";
import type { BuildSettings } from "./settings.ts";
import { BuildError, type Stage } from "./stage.ts";

/** Platform key, key exchange key, and the key that signs what may boot. */
const NAMES = ["PK", "KEK", "db"] as const;

const SECURITY_DATABASE = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
const SECURE_BOOT_ENABLE = "f0a30bc7-af08-4556-99c4-001009c93a44";
/** Who put the certificates there; any GUID of our own would do. */
const OWNER = "a2a3e3a5-4d1b-4b7e-9a39-6d6574726f70";

/** The keys, made on the first build: links to the folder that really holds them. */
export function keysStage(settings: BuildSettings): Stage {
  return {
    name: "keys",
    summary: "Secure Boot keys PK, KEK and db, and the policy key; made once, or from --keys",
    needs: [],
    code: import.meta.path,
    programs: { openssl: "openssl" },
    async inputs() {
      const policies = (await policyKeysOf(settings)).map(({ pem }) => pem);
      return [settings.keys, ...(await certificates(settings.keys)), ...policies];
    },
    make: ({ folder }) => symlink(settings.keys, join(folder, "keys")),
    output: "keys",
    links: { keys: "keys" },
  };
}

/** Firmware for virtual machines, with Secure Boot on and our keys enrolled. */
export function firmwareStage(settings: BuildSettings): Stage {
  return {
    name: "firmware",
    summary: "OVMF with Secure Boot on and our keys enrolled",
    needs: ["host", "keys"],
    code: import.meta.path,
    inputs: async () => [],
    async make({ folder, result }) {
      const ovmf = join(result("host"), "root/usr/share/OVMF");
      await copyFile(join(ovmf, "OVMF_CODE_4M.secboot.fd"), join(folder, "OVMF_CODE.fd"));
      const blank = await readFile(join(ovmf, "OVMF_VARS_4M.fd"));
      const enrolled = writeVariables(blank, await secureBootVariables(settings.keys));
      await writeFile(join(folder, "OVMF_VARS.fd"), enrolled);
    },
    output: "OVMF_VARS.fd",
    links: { "OVMF_VARS.fd": "OVMF_VARS.fd", "OVMF_CODE.fd": "OVMF_CODE.fd" },
  };
}

/** The policy keys, oldest first; makes all keys on the first build. */
export async function policyKeysOf(settings: BuildSettings): Promise<readonly PolicySigner[]> {
  await ensureKeys(settings);
  return policyKeys(settings.keys);
}

/** Signs a UEFI program with the db key. */
export async function signFile(keys: string, bytes: Uint8Array): Promise<Uint8Array> {
  const key = createPrivateKey(await readFile(join(keys, "db.key")));
  const certificate = new X509Certificate(await readFile(join(keys, "db.crt")));
  return signPe(bytes, key, certificate);
}

async function certificates(keys: string): Promise<readonly string[]> {
  return Promise.all(NAMES.map((name) => readFile(join(keys, `${name}.crt`), "utf8")));
}

async function secureBootVariables(keys: string): Promise<readonly FirmwareVariable[]> {
  const { nonVolatile, boot, runtime, authenticated } = ATTRIBUTE;
  const [platform = "", exchange = "", database = ""] = await certificates(keys);
  const trusted = (name: string, vendor: string, pem: string): FirmwareVariable => ({
    name,
    vendor,
    attributes: nonVolatile | boot | runtime | authenticated,
    bytes: certificateList(new X509Certificate(pem).raw, OWNER),
  });
  return [
    trusted("PK", efiVendor.global, platform),
    trusted("KEK", efiVendor.global, exchange),
    trusted("db", SECURITY_DATABASE, database),
    {
      name: "SecureBootEnable",
      vendor: SECURE_BOOT_ENABLE,
      attributes: nonVolatile | boot,
      bytes: Uint8Array.of(1),
    },
  ];
}

/** Makes the keys if there are none; a folder that holds only some of them is an error. */
async function ensureKeys({ keys, cache }: BuildSettings): Promise<void> {
  const wanted = [...NAMES.flatMap((name) => [`${name}.key`, `${name}.crt`]), POLICY_KEY];
  const missing = wanted.filter((file) => !existsSync(join(keys, file)));
  if (missing.length === 0) return;
  // The build's own folder gets what it lacks. In a folder of the operator's, a new policy key
  // could be one that his nodes do not know: he has to say so himself.
  const isOwn = keys === join(cache, "keys");
  if (isOwn && missing.join() === POLICY_KEY) return makePolicyKey(join(keys, POLICY_KEY));
  if (missing.length < wanted.length || existsSync(keys)) {
    throw new BuildError(`keys in ${keys}: ${missing.join(", ")} missing${howToMake(missing)}`);
  }
  await mkdir(dirname(keys), { recursive: true });
  const draft = await mkdtemp(`${keys}.`);
  for (const name of NAMES) await makeKey(draft, name);
  await makePolicyKey(join(draft, POLICY_KEY));
  await rename(draft, keys);
}

function howToMake(missing: readonly string[]): string {
  if (missing.join() !== POLICY_KEY) return "";
  const command = `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${POLICY_KEY}`;
  return `; nodes of earlier releases need theirs, for the first one make it: ${command}`;
}

async function makeKey(folder: string, name: string): Promise<void> {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  const kind = ["-newkey", "rsa:2048", "-noenc", "-sha256", "-days", "36500"];
  const files = ["-keyout", key, "-out", certificate];
  // Firmware knows RSA keys of 2048 bits for certain, and few others.
  await host(["openssl", "req", "-x509", ...kind, "-subj", `/CN=Metropolis ${name}/`, ...files]);
  await chmod(key, 0o600);
}
