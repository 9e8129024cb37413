// Debian packages, whatever Debian the host runs: an apt configuration of our own, derived from the
// system's sources, that needs no root and touches nothing of the system.
//
// Packages are kept in `<cache>/debs/<sha256>.deb`. Which versions those are is said by the lock
// file (lock.ts); apt checks the archive's signature, we check the lock's hash.
import { existsSync } from "node:fs";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { host } from "./host.ts";
import { BuildError } from "./stage.ts";

/** The release all packages come from. */
export const SUITE = "trixie";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
/** Releases whose archive also carries ours; anything else in the sources is not Debian. */
const RELEASES =
  /^(bullseye|bookworm|trixie|forky|duke|sid|oldstable|stable|testing|unstable)(-updates|-security)?$/;

/** One package of the lock file. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

interface Archive {
  readonly uri: string;
  readonly isSecurity: boolean;
}

/** The Debian archives named in a deb822 `.sources` file or a one-line `.list` file. */
export function parseArchives(text: string): readonly Archive[] {
  const found: Archive[] = [];
  const add = (uri: string, suites: readonly string[], components: readonly string[]) => {
    const suite = suites.find((name) => RELEASES.test(name));
    if (suite === undefined || !components.includes("main")) return;
    found.push({ uri, isSecurity: suite.endsWith("-security") });
  };
  for (const line of text.split("\n")) {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/.exec(line.trim());
    if (match) add(match[1] ?? "", [match[2] ?? ""], (match[3] ?? "").split(/\s+/));
  }
  for (const paragraph of text.replaceAll(/^#.*\n?/gm, "").split(/\n\s*\n/)) {
    const field = (name: string) =>
      (new RegExp(`^${name}:\\s*(.*)$`, "im").exec(paragraph)?.[1] ?? "").trim().split(/\s+/);
    if (!field("Types").includes("deb") || /^Enabled:\s*no/im.test(paragraph)) continue;
    for (const uri of field("URIs")) add(uri, field("Suites"), field("Components"));
  }
  return found;
}

/** Our own sources, from the system's: the same archives, but the release we want. */
export function sourcesFor(archives: readonly Archive[]): string {
  const unique = new Map(archives.map((archive) => [archive.uri, archive]));
  return [...unique.values()]
    .map(({ uri, isSecurity }) => {
      const suites = isSecurity ? `${SUITE}-security` : `${SUITE} ${SUITE}-updates`;
      const lines = ["Types: deb", `URIs: ${uri}`, `Suites: ${suites}`, "Components: main"];
      return [...lines, `Signed-By: ${KEYRING}`, ""].join("\n");
    })
    .join("\n");
}

async function systemArchives(): Promise<readonly Archive[]> {
  const folder = "/etc/apt/sources.list.d";
  const names = existsSync(folder) ? await readdir(folder) : [];
  const files = names.filter((name) => /\.(list|sources)$/.test(name)).sort();
  const paths = ["/etc/apt/sources.list", ...files.map((name) => join(folder, name))];
  const texts = paths.filter((path) => existsSync(path)).map((path) => readFile(path, "utf8"));
  const archives = (await Promise.all(texts)).flatMap(parseArchives);
  if (archives.length > 0) return archives;
  throw new BuildError("no Debian archive among apt's sources: the build takes its packages there");
}

async function ourSources(): Promise<string> {
  return sourcesFor(await systemArchives());
}

/** Where packages are looked up, and where they lie once they are fetched. */
export interface PackageArchive {
  /** Where the package with a hash lies, fetched or not. */
  path(one: Pick<LockedPackage, "sha256">): string;
  /** The newest packages of the release by name; throws if it has no such package. */
  newest(names: readonly string[]): Promise<readonly LockedPackage[]>;
  /** Which of the packages the archive still has in that very version. */
  available(packages: readonly LockedPackage[]): Promise<ReadonlySet<LockedPackage>>;
}

/** apt with settings of its own below the cache. */
export class Apt implements PackageArchive {
  readonly #folder: string;
  readonly #debs: string;
  readonly #sources: () => Promise<string>;
  #updated: Promise<void> | undefined;

  /** `sources` gives the text of a deb822 file; by default it is derived from the system's. */
  constructor(cache: string, sources = ourSources) {
    this.#sources = sources;
    this.#folder = join(cache, "apt");
    this.#debs = join(cache, "debs");
  }

  path({ sha256 }: Pick<LockedPackage, "sha256">): string {
    return join(this.#debs, `${sha256}.deb`);
  }

  async newest(names: readonly string[]): Promise<readonly LockedPackage[]> {
    const candidates = await this.#show(names);
    return names.map((name) => {
      const found = candidates.find((candidate) => candidate.name === name);
      if (found !== undefined) return found;
      throw new BuildError(`Debian ${SUITE} has no package "${name}"`);
    });
  }

  async available(packages: readonly LockedPackage[]): Promise<ReadonlySet<LockedPackage>> {
    const known = await this.#show(
      packages.map(({ name }) => name),
      true,
    );
    const hashes = new Set(known.map(({ sha256 }) => sha256));
    return new Set(packages.filter(({ sha256 }) => hashes.has(sha256)));
  }

  /** Fetches packages that are not there yet, and checks their hashes. */
  async fetch(packages: readonly LockedPackage[]): Promise<void> {
    const wanted = packages.filter((wantedPackage) => !existsSync(this.path(wantedPackage)));
    if (wanted.length === 0) return;
    await this.#update();
    await mkdir(this.#debs, { recursive: true });
    const draft = await mkdtemp(join(this.#debs, ".fetch-"));
    try {
      const names = wanted.map(({ name, version }) => `${name}=${version}`);
      await host([...this.#command("apt-get"), "download", ...names], { cwd: draft });
      await this.#keep(wanted, draft);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }

  async #keep(wanted: readonly LockedPackage[], draft: string): Promise<void> {
    const byHash = new Map<string, string>();
    for (const file of await readdir(draft)) {
      const path = join(draft, file);
      byHash.set(await sha256File(path), path);
    }
    for (const one of wanted) {
      const path = byHash.get(one.sha256);
      if (path === undefined) {
        throw new BuildError(`Debian package ${one.name} ${one.version}: not the hash of the lock`);
      }
      // Two packages of one lock never share a file, but two locks may: copy, then rename.
      await copyFile(path, `${this.path(one)}.draft`);
      await rename(`${this.path(one)}.draft`, this.path(one));
    }
  }

  async #show(names: readonly string[], allVersions = false): Promise<readonly LockedPackage[]> {
    if (names.length === 0) return [];
    await this.#update();
    const which = allVersions ? "--all-versions" : "--no-all-versions";
    return parseRecords(await host([...this.#command("apt-cache"), "show", which, ...names]));
  }

  #command(program: string): string[] {
    const at = (path: string) => join(this.#folder, path);
    const settings = {
      "Dir::State": at("state"),
      "Dir::State::Lists": at("lists"),
      "Dir::State::status": at("status"),
      "Dir::Cache": at("cache"),
      // Two calls at once would write the same index.
      "Dir::Cache::pkgcache": "",
      "Dir::Cache::srcpkgcache": "",
      "Dir::Etc::sourcelist": at("our.sources"),
      "Dir::Etc::sourceparts": "/dev/null",
      "Dir::Etc::preferencesparts": "/dev/null",
      "APT::Architecture": "amd64",
      "APT::Architectures": "amd64",
      "Acquire::Languages": "none",
      "APT::Sandbox::User": "root",
      "Debug::NoLocking": "1",
    };
    return [
      program,
      ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`]),
    ];
  }

  /** Brings the indexes up to date, once in the life of this object. */
  #update(): Promise<void> {
    this.#updated ??= (async () => {
      for (const folder of ["state", "lists/partial", "cache/archives/partial"]) {
        await mkdir(join(this.#folder, folder), { recursive: true });
      }
      await writeFile(join(this.#folder, "status"), "");
      await writeFile(join(this.#folder, "our.sources"), await this.#sources());
      await host([...this.#command("apt-get"), "update"]);
    })();
    return this.#updated;
  }
}

/** The packages in what `apt-cache show` prints. */
export function parseRecords(text: string): readonly LockedPackage[] {
  return text.split(/\n\n+/).flatMap((record) => {
    const field = (key: string) => new RegExp(`^${key}: (.+)$`, "m").exec(record)?.[1];
    const [name, version, sha256] = [field("Package"), field("Version"), field("SHA256")];
    if (name === undefined || version === undefined || sha256 === undefined) return [];
    return [{ name, version, sha256 }];
  });
}

/** The SHA-256 of a file, in hex. */
export async function sha256File(path: string): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest("hex");
}

/** Unpacks packages over each other into a folder. */
export async function unpackDebs(paths: readonly string[], folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const path of paths) await host(["dpkg-deb", "-x", path, folder]);
}
