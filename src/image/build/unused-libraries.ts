// Libraries that a program of Debian's is linked with for something that no node asks of it. In
// their place lie empty ones: what they bring along would be in the system image, in the memory of
// the program, and in the time that each start of it takes.
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../base/process/process.ts";
import { LIBRARIES } from "./select.ts";

/** A library, and the one program that is linked with it. */
interface Unused {
  readonly program: string;
  readonly name: string;
  /** Of all its functions, as the program was linked. */
  readonly version: string;
  /** Each gives 0, a null pointer to those who expect one. */
  readonly functions: readonly string[];
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
    await linkEmpty(library, path);
  }
  return present.map(({ program }) => program);
}

/** Links a library whose functions do nothing; nothing of the folder or the time goes in. */
async function linkEmpty({ name, version, functions }: Unused, path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "empty-library-"));
  try {
    const [source, versions] = [join(folder, "empty.c"), join(folder, "versions")];
    await writeFile(source, functions.map((each) => `long ${each}(void) { return 0; }\n`).join(""));
    await writeFile(versions, `${version} { global: ${functions.join("; ")}; local: *; };\n`);
    const layout = ["--build-id=none", "-znoseparate-code", `--version-script=${versions}`];
    const link = [`-soname=${name}`, "-s", ...layout].map((each) => `-Wl,${each}`);
    await run(["gcc", "-Os", "-shared", "-nostdlib", "-fno-ident", ...link, "-o", path, source]);
  } finally {
    await rm(folder, { recursive: true });
  }
}
