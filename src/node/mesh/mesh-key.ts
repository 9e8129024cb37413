// The node's key in the encrypted network: made once, and kept on the data partition.
import { readFile } from "node:fs/promises";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import { boxKeyPair, generateBoxKeyPair } from "../../base/pki/sealed-box.ts";

/** An X25519 key pair in WireGuard's form, base64. */
export interface MeshKey {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** The key in a file; makes it where there is none, or none that is whole. */
export async function ensureMeshKey(path: string): Promise<MeshKey> {
  const text = await readFile(path, "utf8").catch(() => "");
  const bytes = new Uint8Array(Buffer.from(text.trim(), "base64"));
  if (bytes.length === 32) return meshKey(bytes);
  const made = generateBoxKeyPair().privateKey;
  await writeFileAtomic(path, `${Buffer.from(made).toString("base64")}\n`);
  return meshKey(made);
}

function meshKey(privateKey: Uint8Array): MeshKey {
  const { publicKey } = boxKeyPair(privateKey);
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return { privateKey: base64(privateKey), publicKey: base64(publicKey) };
}
