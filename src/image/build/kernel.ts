// The kernel: Debian's source, our configuration over the architecture's default one, no modules.
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { unpackDebs } from "./debian.ts";
import { host } from "./host.ts";
import { ENVIRONMENT, GOALS, RESULTS } from "./kernel-recipe.ts";
import type { BuildSettings } from "./settings.ts";
import { BuildError, type Stage } from "./stage.ts";

/** Object files of our configuration; only for progress. */
const ABOUT_OBJECTS = 2800;

/** Compiles the kernel: `bzImage`, and the `config` that came out. */
export function kernelStage(settings: BuildSettings): Stage {
  const configFile = join(settings.checkout, "initramfs", "kernel.config");
  return {
    name: "kernel",
    summary: "the Linux kernel, from Debian's source with initramfs/kernel.config",
    needs: [],
    code: join(import.meta.dir, "kernel-recipe.ts"),
    programs: {
      gcc: "gcc",
      make: "make",
      flex: "flex",
      bison: "bison",
      bc: "bc",
      xz: "xz-utils",
      zstd: "zstd",
      perl: "perl",
      "dpkg-deb": "dpkg",
    },
    files: { "/usr/include/libelf.h": "libelf-dev", "/usr/include/stdlib.h": "libc6-dev" },
    async inputs() {
      const packages = await settings.packages("kernel");
      const hashes = packages.map(({ name, sha256 }) => `${name} ${sha256}`);
      // Another compiler makes another kernel.
      return [await host(["gcc", "--version"]), await readFile(configFile, "utf8"), ...hashes];
    },
    async make({ folder, note }) {
      const packages = await settings.packages("kernel");
      await settings.apt.fetch(packages);
      // On the cache's disk, not in the temporary folder: the tree takes 2.5 GB.
      const work = await mkdtemp(join(settings.cache, ".linux-"));
      try {
        const source = await unpackSource(
          packages.map((one) => settings.apt.path(one)),
          work,
        );
        note("Configuring");
        await configure(source, await readFile(configFile, "utf8"));
        note("Compiling; this takes 11 to 25 minutes on two cores, once");
        await watched(source, note, () =>
          make(source, [`-j${availableParallelism() + 1}`, GOALS.image]),
        );
        for (const [name, path] of Object.entries(RESULTS)) {
          await copyFile(join(source, path), join(folder, name));
        }
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
    output: "bzImage",
    links: { bzImage: "bzImage", "kernel.config": "config" },
  };
}

async function unpackSource(debs: readonly string[], work: string): Promise<string> {
  await unpackDebs(debs, work);
  const archives = join(work, "usr", "src");
  const archive = (await readdir(archives)).find((name) => name.endsWith(".tar.xz"));
  if (archive === undefined) throw new BuildError("linux-source: no archive in the package");
  await host(["tar", "-xf", join(archives, archive), "-C", work]);
  return join(work, archive.replace(/\.tar\.xz$/, ""));
}

/** Appends our lines to the default configuration: the last word on an option counts. */
async function configure(source: string, ours: string): Promise<void> {
  await make(source, [GOALS.defaults]);
  const file = join(source, RESULTS.config);
  await writeFile(file, `${await readFile(file, "utf8")}${ours}`);
  await make(source, [GOALS.complete]);
  const refused = refusedOptions(ours, await readFile(file, "utf8"));
  if (refused.length === 0) return;
  throw new BuildError(`kernel.config: the kernel's configuration refuses ${refused.join(", ")}`);
}

async function make(source: string, args: readonly string[]): Promise<void> {
  await host(["make", "-s", ...args], { cwd: source, env: ENVIRONMENT });
}

/** Says every minute how far the compiler is, so that nobody takes it for dead. */
async function watched(
  source: string,
  note: (text: string) => void,
  work: () => Promise<void>,
): Promise<void> {
  const tell = async () => {
    const files = await readdir(source, { recursive: true });
    const count = files.filter((name) => name.endsWith(".o")).length;
    note(`Compiled ${count} of about ${ABOUT_OBJECTS} files`);
  };
  // A file that vanishes while it is counted is no reason to fail: the next minute tells more.
  const timer = setInterval(() => void tell().catch(() => undefined), 60_000);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

/**
 * The lines of a fragment that a finished configuration does not honour.
 *
 * An option whose dependencies are missing is dropped without a word; a node would then boot
 * without its watchdog, and nobody would know.
 */
export function refusedOptions(fragment: string, config: string): readonly string[] {
  const values = new Map<string, string>();
  for (const [, name = "", value = ""] of config.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
    values.set(name, value);
  }
  const wanted = [...fragment.matchAll(/^(CONFIG_\w+)=(.*)$/gm)];
  return wanted
    .filter(([, name = "", value]) => (values.get(name) ?? "n") !== value)
    .map(([line]) => line);
}
