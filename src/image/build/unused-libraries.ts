// Libraries that a program of Debian's is linked with for something that no node asks of it. In
// their place lie empty ones: what they bring along would be in the system image, in the memory of
// the program, and in the time that each start of it takes.
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EmptyLibrary, emptyLibrary } from "../../base/format/elf-library.ts";
import { LIBRARIES } from "./select.ts";

/** A library, and the one program that is linked with it. */
interface Unused extends EmptyLibrary {
  readonly program: string;
}

/** All of them. */
export const unusedLibraries: readonly Unused[] = [
  {
    // To fetch a TPM's certificate from its maker's site. Behind it come twelve others: TLS, LDAP,
    // SSH, RTMP, HTTP/3.
    program: "usr/bin/tpm2",
    name: "libcurl-gnutls.so.4",
    version: "CURL_GNUTLS_3",
    functions: [
      ...["curl_global_init", "curl_global_cleanup", "curl_free", "curl_easy_init"],
      ...["curl_easy_setopt", "curl_easy_perform", "curl_easy_cleanup", "curl_easy_strerror"],
      ...["curl_easy_escape", "curl_easy_unescape"],
    ],
  },
];

/** Puts empty libraries into a tree of unpacked packages; gives the programs that they are for. */
export async function emptyUnused(
  root: string,
  all: readonly Unused[] = unusedLibraries,
): Promise<readonly string[]> {
  const present = all.filter(({ program }) => existsSync(join(root, program)));
  for (const library of present) {
    const path = join(root, LIBRARIES, library.name);
    // Debian's is a link to the name with the full version.
    await rm(path, { force: true });
    await writeFile(path, emptyLibrary(library));
  }
  return present.map(({ program }) => program);
}
