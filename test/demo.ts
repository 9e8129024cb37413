// `bun run demo`: the handbook's demo cluster, from a fresh clone to an owned
// node, made of the commands that the handbook prints. `--once` destroys it at
// the end. Everything of ours is imported late: in a fresh clone npm packages do
// not exist yet when this file starts.
import { existsSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

type Launcher = typeof import("../src/launcher/launcher.ts");
type Cluster = Awaited<ReturnType<Launcher["createCluster"]>>;

const NAME = "demo";
const top = join(import.meta.dir, "..");
const bun = process.execPath;
const isOnce = process.argv.includes("--once");
const started = performance.now();

/** The Cluster API's port, open once the node serves its cluster. */
const API_PORT = 7835;
/** Translated code is slow; a machine that hangs is slower. */
const INSTALL_TIMEOUT_MS = 10 * 60_000;
const BOOT_TIMEOUT_MS = 5 * 60_000;

/** A failure with a remedy: printed without a stack. */
class DemoError extends Error {
  override readonly name = "DemoError";
}

/** Says what happens, does it, and says how long it took. */
async function step<R>(title: string, work: () => Promise<R>): Promise<R> {
  console.log(`\n==> ${title}`);
  const start = performance.now();
  const result = await work();
  console.log(`    done in ${seconds(performance.now() - start)}`);
  return result;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Runs a command with its output shown, after printing it as a person would type it. */
async function shell(argv: readonly string[], shown: readonly string[] = argv): Promise<void> {
  console.log(`    $ ${shown.join(" ")}`);
  const child = Bun.spawn([...argv], {
    cwd: top,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  if (code !== 0) throw new DemoError(`${shown.join(" ")}: exit code ${code}`);
}

/** The Bun that runs this, by the name that a person has for it. */
function ownBun(...args: readonly string[]): Promise<void> {
  return shell([bun, ...args], ["bun", ...args]);
}

async function npmPackages(): Promise<void> {
  if (existsSync(join(top, "node_modules"))) return;
  await step("npm packages", () => ownBun("install", "--frozen-lockfile"));
}

async function debianPackages({ missingPackages, installLine }: Launcher): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    throw new DemoError(
      `Debian packages are missing; install them with:\n\n  ${installLine(missing)}\n`,
    );
  }
  await step("Debian packages", async () => {
    await shell(["apt-get", "update", "-qq"]);
    await shell(["env", "DEBIAN_FRONTEND=noninteractive", ...installLine(missing).split(" ")]);
  });
}

/** Removes what an earlier run left, so that every run shows the whole way. */
async function clean(launcher: Launcher, metroctl: Metroctl): Promise<void> {
  const clusters = await launcher.listClusters();
  if (clusters.some(({ name }) => name === NAME)) {
    await step("Destroying the demo cluster of an earlier run", () =>
      metroctl("cluster", "destroy", NAME),
    );
  }
}

type Metroctl = (...args: readonly string[]) => Promise<void>;

/** The real executable, as the build made it. */
function metroctlCommand(out: string): Metroctl {
  return (...args) => shell([join(out, "metroctl"), ...args], ["metroctl", ...args]);
}

/** The executable as a person types it. */
function shownProgram(out: string): string {
  return join(out, "metroctl").replace(homedir(), "~");
}

async function install(cluster: Cluster, medium: string): Promise<void> {
  const machine = cluster.machine();
  await machine.installFrom(medium, INSTALL_TIMEOUT_MS, (line) => console.log(`    ${line}`));
}

async function demo(launcher: Launcher): Promise<void> {
  await debianPackages(launcher);
  await step("Building everything", () => ownBun("build.ts"));
  const out = launcher.buildOutputs();
  const metroctl = metroctlCommand(out);
  await clean(launcher, metroctl);
  const medium = join(out, "..", "bootstrap-node-installer.img");
  rmSync(medium, { force: true });
  await step("Writing the installation medium", () =>
    metroctl(
      ...["--context", NAME, "install", "genusb", medium],
      ...["--bootstrap", `--bundle=${join(out, "bundle.zip")}`],
    ),
  );
  const cluster = await step("Making a machine: Secure Boot, TPM, a blank disk of 4 GiB", () =>
    launcher.createCluster({ name: NAME, machines: [{ disk: "4G" }], isBound: true }, (text) =>
      console.log(`    ${text}`),
    ),
  );
  // Not once: npx and `bun run` pass Ctrl-C on, to whom the terminal sent it already.
  let isEnding = false;
  process.on("SIGINT", () => {
    if (!isEnding) void interrupted(metroctl);
    isEnding = true;
  });
  console.log(`    Its screen: ${shownProgram(out)} cluster console ${NAME}`);
  try {
    await own(cluster, medium, metroctl);
  } catch (error) {
    // What the machine said last is in the error or on the screen; nothing is left to look at.
    await metroctl("cluster", "destroy", NAME);
    throw error;
  }
  await farewell(cluster, metroctl, out);
}

/** Leaves nothing behind: neither the cluster nor its context, whose keys would own nothing. */
async function interrupted(metroctl: Metroctl): Promise<void> {
  console.log("\nInterrupted: destroying the demo cluster");
  await metroctl("cluster", "destroy", NAME);
  process.exit(130);
}

async function own(cluster: Cluster, medium: string, metroctl: Metroctl): Promise<void> {
  const machine = cluster.machine();
  const common = ["--context", NAME] as const;
  console.log(`    It runs on ${cluster.settings.accelerator.toUpperCase()}`);
  await step("Installing from the medium", () => install(cluster, medium));
  await step("Booting from its disk", () =>
    cluster.waitForPort(machine, API_PORT, BOOT_TIMEOUT_MS),
  );
  await step("Taking ownership", () =>
    metroctl(...common, "--proxy", cluster.proxy, "takeownership", machine.address),
  );
  await step("Describing the node", () => metroctl(...common, "node", "describe"));
}

async function farewell(cluster: Cluster, metroctl: Metroctl, out: string): Promise<void> {
  console.log(
    `\nThe demo cluster is yours, ${seconds(performance.now() - started)} after the start.`,
  );
  if (isOnce) {
    await step("Destroying it", () => metroctl("cluster", "destroy", NAME));
    return;
  }
  await cluster.release();
  console.log(`
Go on with:

  alias metroctl=${shownProgram(out)}
  metroctl --context ${NAME} node list
  metroctl --context ${NAME} node logs <id>
  metroctl cluster console ${NAME}

Destroy it with:

  metroctl cluster destroy ${NAME}

The next \`bun run demo\` destroys it too, and makes another one.`);
}

try {
  await npmPackages();
  await demo(await import("../src/launcher/launcher.ts"));
} catch (error) {
  const isExpected = error instanceof Error && /^(Demo|Launcher)Error$/.test(error.name);
  console.error(`\n${isExpected ? error.message : Bun.inspect(error)}`);
  process.exitCode = 1;
}
