// The one executable, compiled from src/main.ts: for nodes, and for workstations under the name
// metroctl.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { sha256File } from "./debian.ts";
import { host } from "./host.ts";
import type { BuildSettings } from "./settings.ts";
import type { Stage } from "./stage.ts";

/**
 * How Bun compiles. Class names are kept whole, because logs print them; a foreign `.env` or
 * `bunfig.toml` in the working folder must not be able to run code in a node or in metroctl.
 */
const FLAGS = [
  "--compile",
  "--bytecode",
  "--format=esm",
  "--splitting",
  // Logs and stack traces name lines of the source, not of the bundle.
  "--sourcemap",
  "--minify-syntax",
  "--minify-whitespace",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  // Packages that ask for their folder would be told the builder's, which no node has.
  '--define=__dirname="/"',
  '--define=__filename="/package.js"',
];

interface Target {
  readonly name: string;
  readonly summary: string;
  readonly bun: string;
  readonly file: string;
  readonly links?: Readonly<Record<string, string>>;
}

const targets: readonly Target[] = [
  {
    name: "executable",
    summary: "the executable of nodes, and metroctl, for Linux on x64",
    bun: "bun-linux-x64",
    file: "metropolis",
    links: { metropolis: "metropolis", metroctl: "metropolis" },
  },
  {
    name: "metroctl-linux-arm64",
    summary: "metroctl for Linux on arm64",
    bun: "bun-linux-arm64",
    file: "metroctl",
    links: { "metroctl-linux-arm64": "metroctl" },
  },
  {
    name: "metroctl-darwin-arm64",
    summary: "metroctl for macOS on arm64",
    bun: "bun-darwin-arm64",
    file: "metroctl",
    links: { "metroctl-darwin-arm64": "metroctl" },
  },
];

/** The stages that compile the executable, one for each kind of machine. */
export function executableStages(settings: BuildSettings): readonly Stage[] {
  return targets.map(({ name, summary, bun, file, links }) => ({
    name,
    summary,
    needs: [],
    code: import.meta.path,
    inputs: async () => [Bun.version, Bun.revision, bun, ...FLAGS, ...(await sources(settings))],
    async make({ folder }) {
      const argv = [process.execPath, "build", ...FLAGS, `--target=${bun}`, "./src/main.ts"];
      await host([...argv, "--outfile", join(folder, file)], { cwd: settings.checkout });
      await dropLeftovers(folder, file);
    },
    output: file,
    ...(links === undefined ? {} : { links }),
  }));
}

/** Path and content of everything that gets compiled in. */
async function sources({ checkout }: BuildSettings): Promise<readonly string[]> {
  const below = await readdir(join(checkout, "src"), { recursive: true, withFileTypes: true });
  const files = below
    .filter((entry) => entry.isFile() && !entry.name.includes(".test."))
    .map((entry) => join(entry.parentPath, entry.name))
    // The build's own stages are the one part of src/ that no role imports.
    .filter((path) => !path.startsWith(join(checkout, "src/image/build/")))
    .sort();
  const tops = ["package.json", "bun.lock", "tsconfig.json"].map((name) => join(checkout, name));
  const all = [...tops, ...files];
  return Promise.all(
    all.map(async (path) => `${path.slice(checkout.length + 1)} ${await sha256File(path)}`),
  );
}

/** Whatever Bun puts beside the executable is no part of the result. */
async function dropLeftovers(folder: string, file: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name !== file) await rm(join(folder, name), { recursive: true });
  }
}
