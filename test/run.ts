// `bun run test [tier...]`: every tier of tests, one after the other, ending
// with the line `N passed, N failed`. It installs and builds what the tiers
// need, so it runs in a fresh clone; nothing is skipped: what cannot run fails.
//
// Imports nothing from outside Bun, because it runs before npm packages exist.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { lastLines, runTests, show, type Tally } from "./bun-tests.ts";

interface Tier {
  readonly name: string;
  /** What the tier shows, printed before it starts. */
  readonly about: string;
  run(): Promise<Tally>;
}

const top = fileURLToPath(new URL("..", import.meta.url));
const bun = process.execPath;

/** Files of unit tests keep processors busy; others wait most of the time. */
const UNIT_LANES = 2;
const PROCESS_LANES = 3;

/** A command that passes or fails as a whole. */
async function check(argv: readonly string[]): Promise<Tally> {
  const { code, text } = await show(argv);
  if (code === 0) return { passed: 1, failed: 0, failures: [] };
  const failure = `FAILED: ${argv.slice(1).join(" ")}: exit code ${code}`;
  console.error(failure);
  return { passed: 0, failed: 1, failures: [`${lastLines(text)}\n${failure}`] };
}

/** Unit tests leave small files behind: all of them go with their folder. */
async function unitTests(): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "unit-"));
  try {
    return await runTests({ paths: ["./src"], lanes: UNIT_LANES, env: { TMPDIR: folder } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inTurn(steps: readonly (() => Promise<Tally>)[]): Promise<Tally> {
  let sum = NOTHING;
  for (const step of steps) sum = add(sum, await step());
  return sum;
}

const NOTHING: Tally = { passed: 0, failed: 0, failures: [] };

function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    failures: [...a.failures, ...b.failures],
  };
}

/** The tests of what spans rooms, beside this file: by what is there, so that none is forgotten. */
function ownTests(): readonly string[] {
  const names = readdirSync(join(top, "test")).filter((name) => name.endsWith(".test.ts"));
  return names.map((name) => `./test/${name}`);
}

const tiers: readonly Tier[] = [
  {
    name: "check",
    about: "types, format, lint, layout rules, generated code is fresh",
    run: () =>
      inTurn([
        () => check([bun, "node_modules/typescript/bin/tsc", "--noEmit"]),
        () => check([bun, "x", "biome", "check", "--error-on-warnings", "."]),
        () => runTests({ paths: ownTests(), lanes: UNIT_LANES }),
      ]),
  },
  {
    name: "build",
    about: "the executable, the kernel, the images and the bundle",
    run: () => check([bun, "build.ts"]),
  },
  {
    name: "unit",
    about: "every file of src, beside its source, with real programs",
    run: unitTests,
  },
  {
    name: "cluster",
    about: "real etcd, real curator, real metroctl as processes",
    run: () => runTests({ paths: ["./test/cluster"], lanes: PROCESS_LANES }),
  },
  {
    name: "attack",
    about:
      "what attackers have and want, against real processes; those at the boot chain are in vm",
    run: () => runTests({ paths: ["./test/attack"], lanes: PROCESS_LANES }),
  },
  {
    name: "image",
    about: "the same inputs give the same bytes; the launcher's machines and network",
    run: () => runTests({ paths: ["./test/image"], lanes: 1 }),
  },
  {
    name: "vm",
    about: "the real image on real firmware and a real TPM, in QEMU",
    run: () => runTests({ paths: ["./test/vm"], lanes: 1 }),
  },
];

/** npm packages and, for root, Debian packages, when this is a fresh machine. */
async function install(): Promise<void> {
  if (!existsSync(join(top, "node_modules"))) {
    await mustRun([bun, "install", "--frozen-lockfile"]);
  }
  const { installCommands } = await import("./packages.ts");
  for (const command of installCommands()) await mustRun(command);
}

async function mustRun(argv: readonly string[]): Promise<void> {
  const { code } = await show(argv);
  if (code !== 0) finish({ passed: 0, failed: 1, failures: [`FAILED: ${argv.join(" ")}`] });
}

/** Prints what failed once more, where it is found, then the line that CI reads; and ends. */
function finish({ passed, failed, failures }: Tally): never {
  for (const failure of failures) console.log(`\n=== failed:\n${failure}`);
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

function chosen(names: readonly string[]): readonly Tier[] {
  const unknown = names.find((name) => !tiers.some((tier) => tier.name === name));
  if (unknown !== undefined) {
    console.error(`no tier ${unknown}; there are: ${tiers.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  return names.length === 0 ? tiers : tiers.filter(({ name }) => names.includes(name));
}

async function main(): Promise<never> {
  const wanted = chosen(process.argv.slice(2));
  await install();
  let sum = NOTHING;
  for (const { name, about, run } of wanted) {
    console.log(`\n=== ${name}: ${about}`);
    const start = performance.now();
    const tally = await run();
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`=== ${name}: ${tally.passed} passed, ${tally.failed} failed in ${seconds} s`);
    sum = add(sum, tally);
  }
  finish(sum);
}

await main();
