// Keys and certificates from files, as connections want them.
import { readFile } from "node:fs/promises";
import { certificateDer } from "../base/pki/keys.ts";
import type { ServerTls } from "../base/rpc/rpc.ts";
import type { CredentialFiles } from "./settings.ts";

/** A key, its certificate, and the CA of both sides. */
export interface Credentials extends ServerTls {
  /** DER. */
  readonly ca: Uint8Array;
}

/** Reads credentials; throws what the file system says where a file is missing. */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const [ca, certificatePem, keyPem] = await Promise.all([
    readFile(files.ca, "utf8"),
    readFile(files.certificate, "utf8"),
    readFile(files.key, "utf8"),
  ]);
  return { ca: certificateDer(ca), certificatePem, keyPem };
}
