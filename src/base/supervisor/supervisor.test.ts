// Tests of the axioms of supervision, each with real runnables and a clock
// that stands still until told otherwise.
import { expect, test } from "bun:test";
import { sleep } from "../event/event.ts";
import { formatEntry } from "../logtree/logtree.ts";
import type { Context, Runnable } from "./context.ts";
import { Supervisor } from "./supervisor.ts";
import { SupervisorError } from "./supervisor-error.ts";
import { testSupervisor, untilAborted } from "./test-supervisor.ts";

/** A runnable that becomes healthy and runs until it is aborted. */
const steady: Runnable = async (context) => {
  context.healthy();
  await untilAborted(context.signal);
};

/** A runnable that becomes healthy, is done and returns. */
const brief: Runnable = async (context) => {
  context.healthy();
  context.done();
};

/** A runnable that fails as soon as `trigger` is called, and counts its runs. */
function fragile() {
  let fail: (error: Error) => void = () => {};
  const state = { runs: 0, fail: (message: string) => fail(new TypeError(message)) };
  const runnable: Runnable = async (context) => {
    state.runs += 1;
    const { promise, reject } = Promise.withResolvers<never>();
    fail = reject;
    context.healthy();
    await Promise.race([promise, untilAborted(context.signal)]);
  };
  return Object.assign(state, { runnable });
}

/** A runnable that counts its runs. */
function counted(inner: Runnable) {
  const state = {
    runs: 0,
    runnable: async (context: Context) => {
      state.runs += 1;
      await inner(context);
    },
  };
  return state;
}

/** A root that starts the given runnables, as a group or one by one. */
function parentOf(children: Record<string, Runnable>, isGroup = false): Runnable {
  return async (context) => {
    if (isGroup) context.runGroup(children);
    else for (const [name, child] of Object.entries(children)) context.run(name, child);
    context.healthy();
    await untilAborted(context.signal);
  };
}

test("Supervisor runs the root and what it starts, by DN", async () => {
  await using tested = testSupervisor(parentOf({ a: parentOf({ b: steady }), c: brief }));
  await tested.settled();
  expect(Object.fromEntries(tested.states())).toEqual({
    root: "HEALTHY",
    "root.a": "HEALTHY",
    "root.a.b": "HEALTHY",
    "root.c": "DONE",
  });
});

test("Supervisor takes another root DN, for processes inside a larger tree", async () => {
  await using tested = testSupervisor(parentOf({ a: steady }), { rootDn: "root.roles.curator" });
  await tested.settled();
  expect([...tested.states().keys()]).toEqual(["root.roles.curator", "root.roles.curator.a"]);
});

test("Supervisor restarts a failed runnable after a pause", async () => {
  const a = fragile();
  await using tested = testSupervisor(parentOf({ a: a.runnable, b: steady }));
  await tested.settled();
  a.fail("broken");
  await tested.quiet();
  expect([a.runs, tested.states().get("root.a")]).toEqual([1, "NEW"]);
  expect(tested.pauses).toEqual([500]);
  await tested.pass();
  expect([a.runs, tested.states().get("root.a")]).toEqual([2, "HEALTHY"]);
});

test("Supervisor logs why a runnable failed, with its causes", async () => {
  const cause = new RangeError("disk full");
  const failing = async () => {
    throw new SyntaxError("write state", { cause });
  };
  await using tested = testSupervisor(parentOf({ a: failing }));
  await tested.quiet();
  const [entry] = tested.tree.read({ dn: "root.a", backlog: "all" }).backlog;
  expect(entry).toMatchObject({
    severity: "fatal",
    messages: ["Runnable failed: write state: disk full"],
  });
});

test("Supervisor shows the stack of a mistake in our own code", async () => {
  const mistaken = async () => {
    JSON.parse("{}").missing.field;
  };
  await using tested = testSupervisor(parentOf({ a: mistaken }));
  await tested.quiet();
  const [entry] = tested.tree.read({ dn: "root.a", backlog: "all" }).backlog;
  expect(entry && formatEntry(entry)).toMatch(/undefined.*\n.*at .*supervisor\.test\.ts:\d+/);
});

test("Supervisor takes a return without done as a failure", async () => {
  const returning: Runnable = async (context) => context.healthy();
  await using tested = testSupervisor(parentOf({ a: returning }));
  await tested.quiet();
  const [entry] = tested.tree.read({ dn: "root.a", backlog: "all" }).backlog;
  expect(entry).toMatchObject({ messages: ["Runnable failed: returned without being done"] });
});

test("Supervisor ends a whole group when one of it fails, and restarts all", async () => {
  const a = fragile();
  const b = counted(steady);
  const c = counted(brief);
  const group = parentOf({ a: a.runnable, b: b.runnable, c: c.runnable }, true);
  const outside = counted(steady);
  await using tested = testSupervisor(parentOf({ group, outside: outside.runnable }));
  await tested.settled();
  a.fail("broken");
  await tested.pass();
  await tested.settled();
  expect([a.runs, b.runs, c.runs, outside.runs]).toEqual([2, 2, 2, 1]);
});

test("Supervisor lets others live when a runnable fails that is no group with them", async () => {
  const a = fragile();
  const b = counted(steady);
  await using tested = testSupervisor(parentOf({ a: a.runnable, b: b.runnable }));
  await tested.settled();
  a.fail("broken");
  await tested.pass();
  expect([a.runs, b.runs]).toEqual([2, 1]);
});

test("Supervisor does not restart a dead parent before all its children have ended", async () => {
  const { promise: release, resolve } = Promise.withResolvers<void>();
  let parents = 0;
  const slow: Runnable = async (context) => {
    context.healthy();
    await untilAborted(context.signal).catch(() => {});
    await release;
  };
  const parent: Runnable = async (context) => {
    parents += 1;
    context.run("slow", slow);
    if (parents === 1) throw new RangeError("broken");
    context.healthy();
    await untilAborted(context.signal);
  };
  await using tested = testSupervisor(parentOf({ parent }));
  await tested.pass();
  expect([parents, tested.states().get("root.parent")]).toEqual([1, "DEAD"]);
  resolve();
  await tested.pass();
  expect([parents, tested.states().get("root.parent")]).toEqual([2, "HEALTHY"]);
});

test("Supervisor keeps the children of a runnable that is done", async () => {
  const child = fragile();
  const parent = counted(async (context) => {
    context.run("child", child.runnable);
    await brief(context);
  });
  await using tested = testSupervisor(parentOf({ parent: parent.runnable }));
  await tested.quiet();
  expect(tested.states().get("root.parent")).toBe("DONE");
  child.fail("broken");
  await tested.pass();
  expect([child.runs, parent.runs]).toEqual([2, 1]);
});

test("Supervisor restarts the root itself", async () => {
  const root = fragile();
  await using tested = testSupervisor(root.runnable);
  await tested.settled();
  root.fail("broken");
  await tested.pass();
  expect([root.runs, tested.states().get("root")]).toEqual([2, "HEALTHY"]);
});

test("Supervisor turns a throw before the first wait into a failure", async () => {
  const hasty: Runnable = () => {
    throw new RangeError("too early");
  };
  await using tested = testSupervisor(parentOf({ hasty }));
  await tested.quiet();
  expect(tested.pauses).toEqual([500]);
});

test("Supervisor pauses longer after each failure, until a signal resets it", async () => {
  let runs = 0;
  const flaky: Runnable = async (context) => {
    runs += 1;
    if (runs === 4) context.healthy();
    throw new RangeError("broken");
  };
  await using tested = testSupervisor(parentOf({ flaky }));
  for (let round = 0; round < 5; round += 1) await tested.pass();
  expect(tested.pauses).toEqual([500, 750, 1_125, 500, 750, 1_125]);
});

test("Supervisor lets no two comrades start each other again without a pause", async () => {
  let runs = 0;
  const failing: Runnable = async ({ signal }) => {
    runs += 1;
    // Without this a wrong supervisor would spin here for ever instead of failing the test.
    if (runs > 20) await untilAborted(signal);
    throw new RangeError("broken");
  };
  await using tested = testSupervisor(parentOf({ a: failing, b: failing }, true));
  await tested.quiet();
  expect(runs).toBe(2);
  await tested.pass();
  expect(runs).toBeLessThanOrEqual(4);
});

/** What `act` throws inside a runnable named root.a. */
async function violation(act: (context: Context) => void): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const broken: Runnable = async (context) => {
    try {
      act(context);
      resolve(undefined);
    } catch (error) {
      resolve(error);
    }
    context.healthy();
  };
  await using tested = testSupervisor(parentOf({ a: broken }));
  await tested.quiet();
  return promise;
}

test.each<[string, (context: Context) => void]>([
  ["healthy twice", ({ healthy }) => [healthy(), healthy()]],
  ["done before healthy", ({ done }) => done()],
  ["done twice", ({ healthy, done }) => [healthy(), done(), done()]],
  ["run after healthy", ({ healthy, run }) => [healthy(), run("b", steady)]],
  ["an empty name", ({ run }) => run("", steady)],
  ["a capital", ({ run }) => run("Dhcp", steady)],
  ["a dot", ({ run }) => run("a.b", steady)],
  ["a line end", ({ run }) => run("a\n", steady)],
  ["a device name", ({ run }) => run("console-/dev/tty0", steady)],
  ["65 characters", ({ run }) => run("a".repeat(65), steady)],
  ["a name twice", ({ run }) => [run("b", steady), run("b", steady)]],
  ["a sublogger's name", ({ run, sublogger }) => [sublogger("b"), run("b", steady)]],
  ["a runnable's name as sublogger", ({ run, sublogger }) => [run("b", steady), sublogger("b")]],
  ["one bad name in a group", ({ runGroup }) => runGroup({ b: steady, "": steady })],
])("Context refuses %s", async (_, act) => {
  expect(await violation(act)).toBeInstanceOf(SupervisorError);
});

test("Context.sublogger logs one level below, as often as asked", async () => {
  const root: Runnable = async (context) => {
    context.sublogger("mgmt").info("one");
    context.sublogger("mgmt").info("two");
    await brief(context);
  };
  await using tested = testSupervisor(root);
  await tested.settled();
  expect(tested.tree.read({ dn: "root.mgmt", backlog: "all" }).backlog.length).toBe(2);
});

test("Context.raw writes out its last line when the runnable ends", async () => {
  const root: Runnable = async (context) => {
    context.raw.write("no end");
    await brief(context);
  };
  await using tested = testSupervisor(root);
  await tested.settled();
  const [entry] = tested.tree.read({ dn: "root", backlog: 1 }).backlog;
  expect(entry).toMatchObject({ kind: "raw", text: "no end" });
});

test("Supervisor.stop ends everything, pauses too, and restarts nothing", async () => {
  const b = counted(steady);
  const failing = counted(async () => {
    throw new RangeError("broken");
  });
  const tested = testSupervisor(parentOf({ failing: failing.runnable, b: b.runnable }));
  await tested.quiet();
  await tested.stop();
  await tested.pass();
  expect([failing.runs, b.runs]).toEqual([1, 1]);
  expect(new Set(tested.states().values())).toEqual(new Set(["CANCELED"]));
  await expect(tested.settled()).rejects.toThrow("stopped before it settled");
});

test("Supervisor.stop names those that ignore their signal", async () => {
  const deaf: Runnable = async (context) => {
    context.healthy();
    await new Promise(() => {});
  };
  const supervisor = new Supervisor(parentOf({ deaf, steady }));
  supervisor.start();
  await supervisor.settled();
  await expect(supervisor.stop(10)).rejects.toThrow(/still running: root\.deaf$/);
});

test("Supervisor.stop works before start, and start does nothing after it", async () => {
  const root = counted(steady);
  const supervisor = new Supervisor(root.runnable);
  await supervisor.stop();
  supervisor.start();
  await sleep(1);
  expect(root.runs).toBe(0);
});
