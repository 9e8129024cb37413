// `bun run proof <name>`: long proofs, run whole; CI takes a sample of each. Every
// result goes into test/proofs.json, so that a seed that once failed is known.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { golden, outputs, useOwnState } from "./vm/golden.ts";
import { proveGrowth } from "./vm/growth.ts";
import { cutPower } from "./vm/power-cut.ts";

/** One run of a proof with one seed. */
interface Entry {
  readonly proof: string;
  readonly seed: number;
  /** ISO 8601. */
  readonly date: string;
  /** The commit it ran on. */
  readonly commit: string;
  readonly passed: boolean;
  /** What was seen: numbers and states, or the error. */
  readonly result: unknown;
}

interface Proof {
  readonly about: string;
  readonly seeds: number;
  run(seed: number): Promise<unknown>;
}

const ledger = join(import.meta.dir, "proofs.json");

const proofs: Readonly<Record<string, Proof>> = {
  powercut: {
    about: "the plug is pulled between first boot and takeownership; the node must come up",
    seeds: 20,
    run: async (seed) => {
      useOwnState();
      return cutPower(seed, await golden());
    },
  },
  growth: {
    about: "the data partition grows behind the node through power cuts; nothing is left unwritten",
    seeds: 5,
    run: (seed) => proveGrowth(seed, join(outputs, "bzImage")),
  },
};

function readLedger(): readonly Entry[] {
  return existsSync(ledger) ? JSON.parse(readFileSync(ledger, "utf8")) : [];
}

/** Puts an entry in the place of an earlier one of the same proof and seed. */
function record(entry: Entry): void {
  const others = readLedger().filter(
    ({ proof, seed }) => proof !== entry.proof || seed !== entry.seed,
  );
  const entries = [...others, entry].sort(
    (a, b) => a.proof.localeCompare(b.proof) || a.seed - b.seed,
  );
  writeFileSync(ledger, `${JSON.stringify(entries, null, 2)}\n`);
}

function currentCommit(): string {
  const { stdout } = Bun.spawnSync(["git", "rev-parse", "--short", "HEAD"], {
    cwd: import.meta.dir,
  });
  return stdout.toString().trim();
}

async function runSeed(name: string, proof: Proof, seed: number): Promise<boolean> {
  const base = { proof: name, seed, date: new Date().toISOString(), commit: currentCommit() };
  try {
    const result = await proof.run(seed);
    record({ ...base, passed: true, result });
    console.log(`${name} ${seed}: passed ${JSON.stringify(result)}`);
    return true;
  } catch (error) {
    const result = error instanceof Error ? error.message : String(error);
    record({ ...base, passed: false, result });
    console.log(`${name} ${seed}: FAILED ${result}`);
    return false;
  }
}

/** The seeds of an argument such as "3" or "1-20"; all of the proof's without one. */
function seedsOf(text: string | undefined, proof: Proof): readonly number[] {
  const [first = 1, last = first] = (text ?? `1-${proof.seeds}`).split("-").map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const [name = "", range] = process.argv.slice(2);
const proof = proofs[name];
if (proof === undefined) {
  console.error("usage: bun run proof <name> [seed | first-last]\n");
  for (const [known, { about }] of Object.entries(proofs)) console.error(`  ${known}  ${about}`);
  process.exit(2);
}
let failed = 0;
const seeds = seedsOf(range, proof);
for (const seed of seeds) failed += (await runSeed(name, proof, seed)) ? 0 : 1;
console.log(`${seeds.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
