// `bun run proof <name>`: long proofs, run whole; CI takes a sample of each. Every
// result goes into test/proofs.json, so that a seed that once failed is known.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { churn, growthMib } from "./cluster/churn.ts";
import { faults, loseLeader } from "./cluster/fail-over.ts";
import { allFaults, faultName, joinThrough } from "./cluster/faults.ts";
import { processCluster } from "./cluster/process-cluster.ts";
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

/** The machine for nodes that join, beside three that are there. */
const SPARE = 4;
const CHURN_ROUNDS = 50;
/** By so much the memory of a program may differ for no reason, over a dozen rounds. */
const GROWTH_MIB = 8;

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
  failover: {
    about: "the leader is killed, paused and cut off under writes; no write is lost, no call fails",
    seeds: 20,
    run: proveFailOver,
  },
  joining: {
    about: "every fault at every step of register, approve, commit, join and promote: UP, once",
    seeds: allFaults.length,
    run: proveJoining,
  },
  churn: {
    about: `${CHURN_ROUNDS} nodes join, take a role, lose it and are deleted; no trace is left`,
    seeds: 1,
    run: proveChurn,
  },
};

/** The leader is lost in every way, once each. Throws where a write is. */
async function proveFailOver(): Promise<unknown> {
  await using cluster = await processCluster({ name: "failover", nodes: 3 });
  const gaps: Record<string, number> = {};
  for (const fault of faults) {
    const { gapMs, failed, lost } = await loseLeader(cluster, fault);
    if (failed.length + lost.length > 0) throw new Error([...failed, ...lost].join("; "));
    gaps[fault] = gapMs;
  }
  return { gapMs: gaps };
}

/** One of all faults on a node's way into its cluster, by its number. */
async function proveJoining(seed: number): Promise<unknown> {
  const fault = allFaults[seed - 1];
  if (fault === undefined) throw new Error(`there are only ${allFaults.length} faults`);
  await using cluster = await processCluster({ name: "joining", nodes: 3, spare: 1 });
  return { fault: faultName(fault), ms: await joinThrough(cluster, SPARE, fault) };
}

/** Nodes come and go. Throws where a trace of one is left. */
async function proveChurn(): Promise<unknown> {
  await using cluster = await processCluster({ name: "churn", nodes: 3, spare: 1 });
  const result = await churn(cluster, SPARE, CHURN_ROUNDS);
  const isSame = result.keys[0] === result.keys[1] && result.members[0] === result.members[1];
  const grown = ["node", "curator"].filter((each) => !(growthMib(result, each) < GROWTH_MIB));
  if (!isSame || result.traces.length + grown.length > 0) throw new Error(JSON.stringify(result));
  return result;
}

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
