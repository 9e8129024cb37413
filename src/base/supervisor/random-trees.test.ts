// Properties of supervision that must hold for every tree and every failure:
// runs never overlap, exactly what depends on a dead runnable is run again,
// and the tree always comes back.
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Context, Runnable } from "./context.ts";
import { testSupervisor, turn, untilAborted } from "./test-supervisor.ts";

/** A random runnable: what it does itself, and the groups it starts. */
interface Plan {
  /** Whether it runs on, or is done and returns. */
  readonly isSteady: boolean;
  /** How many rounds it takes to end when aborted. */
  readonly slowness: number;
  readonly groups: readonly (readonly Plan[])[];
}

/** Roots of several runnables; a lone one shows little. */
const { node: plan } = fc.letrec<{ plan: Plan; leaf: Plan; node: Plan }>((tie) => ({
  plan: fc.oneof({ maxDepth: 3, depthSize: "small" }, tie("leaf"), tie("node")),
  leaf: fc.record<Plan>({
    isSteady: fc.boolean(),
    slowness: fc.nat(2),
    groups: fc.constant([]),
  }),
  node: fc.record<Plan>({
    isSteady: fc.boolean(),
    slowness: fc.nat(2),
    groups: fc.array(fc.array(tie("plan"), { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
  }),
}));

/** Keeps book of all runs, and fails them on demand. */
class World {
  readonly runs = new Map<string, number>();
  readonly active = new Set<string>();
  /** Runs that began before others had ended. */
  readonly broken: string[] = [];
  readonly #fail = new Map<string, (error: Error) => void>();

  /** The runnable that a plan describes, with the runnables below it. */
  runnable(each: Plan): Runnable {
    return async (context) => {
      this.#begin(context);
      try {
        await this.#work(each, context);
      } finally {
        for (let round = 0; round < each.slowness; round += 1) await turn();
        this.active.delete(context.dn);
      }
    };
  }

  /** Makes a running runnable fail; those that are done cannot. */
  fail(dn: string): boolean {
    if (!this.active.has(dn)) return false;
    this.#fail.get(dn)?.(new RangeError("on demand"));
    return true;
  }

  #begin({ dn }: Context): void {
    // Neither an earlier run of the same, nor anything below it, may still be there.
    const before = [...this.active].filter((each) => each === dn || each.startsWith(`${dn}.`));
    this.broken.push(...before.map((each) => `${dn} begins while ${each} runs`));
    this.runs.set(dn, (this.runs.get(dn) ?? 0) + 1);
    this.active.add(dn);
  }

  async #work(each: Plan, context: Context): Promise<void> {
    for (const [index, group] of each.groups.entries()) {
      const named = group.map((child, place) => [`g${index}_${place}`, this.runnable(child)]);
      context.runGroup(Object.fromEntries(named));
    }
    context.healthy();
    if (!each.isSteady) return context.done();
    const { promise, reject } = Promise.withResolvers<never>();
    this.#fail.set(context.dn, reject);
    await Promise.race([promise, untilAborted(context.signal)]);
  }
}

/** Lets pauses pass until nothing changes any more. */
async function calm(tested: ReturnType<typeof testSupervisor>): Promise<void> {
  for (let round = 0; round < 3; round += 1) await tested.pass();
  await tested.settled();
}

/** The group of a DN, as far as DNs of these tests tell it. */
function groupOf(dn: string): string {
  return dn.replace(/_\d+$/, "_");
}

/** Whether the death of `dead` takes `dn` along. */
function isAffected(dn: string, dead: string): boolean {
  const group = groupOf(dead);
  if (dead === "root") return true;
  return dn === dead || dn.startsWith(`${dead}.`) || dn.startsWith(group);
}

test("Supervisor brings every tree up", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (each) => {
      const world = new World();
      await using tested = testSupervisor(world.runnable(each));
      await tested.settled();
      expect([...world.runs.keys()].sort()).toEqual([...tested.states().keys()].sort());
      expect(new Set(world.runs.values())).toEqual(new Set([1]));
    }),
    { numRuns: 100 },
  );
});

test("Supervisor runs again exactly what depends on the dead one", async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.nat(), async (each, choice) => {
      const world = new World();
      await using tested = testSupervisor(world.runnable(each));
      await tested.settled();
      await tested.quiet();
      const steady = [...world.active];
      const dead = steady[choice % Math.max(steady.length, 1)];
      if (dead === undefined) return;
      world.fail(dead);
      await calm(tested);
      for (const [dn, count] of world.runs) {
        expect(`${dn} ${count}`).toBe(`${dn} ${isAffected(dn, dead) ? 2 : 1}`);
      }
      expect(world.broken).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("Supervisor comes back after any failures, and no two runs overlap", async () => {
  const failures = fc.array(fc.tuple(fc.nat(), fc.constantFrom("none", "round", "pass")), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(plan, failures, async (each, list) => {
      const world = new World();
      await using tested = testSupervisor(world.runnable(each));
      await tested.settled();
      const all = [...tested.states().keys()].sort();
      for (const [choice, wait] of list) {
        world.fail([...world.active][choice % Math.max(world.active.size, 1)] ?? "");
        if (wait === "round") await turn();
        if (wait === "pass") await tested.pass();
      }
      for (let round = 0; round < 6; round += 1) await tested.pass();
      await tested.settled();
      expect([...tested.states().keys()].sort()).toEqual(all);
      expect(world.broken).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("Supervisor.stop ends every tree, in the middle of failures too", async () => {
  await fc.assert(
    fc.asyncProperty(plan, fc.array(fc.nat(), { maxLength: 4 }), async (each, list) => {
      const world = new World();
      const tested = testSupervisor(world.runnable(each));
      await tested.settled();
      for (const choice of list) {
        world.fail([...world.active][choice % Math.max(world.active.size, 1)] ?? "");
      }
      await tested.stop();
      expect([...world.active]).toEqual([]);
      const over = new Set(["DEAD", "DONE", "CANCELED"]);
      for (const state of tested.states().values()) expect(over).toContain(state);
    }),
    { numRuns: 100 },
  );
});
