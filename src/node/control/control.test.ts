// Tests of wishes and news.
import { expect, test } from "bun:test";
import { sleep } from "../../base/event/event.ts";
import { LogTree } from "../../base/logtree/logtree.ts";
import { type Context, Supervisor } from "../../base/supervisor/supervisor.ts";
import { Control, together, whileWanted } from "./control.ts";

interface Settings {
  readonly name: string;
}

/** Runs `work` under a supervisor while `check` goes on. */
async function supervise(
  work: (control: Control<Settings>) => (settings: Settings, context: Context) => Promise<void>,
  check: (control: Control<Settings>, signal: AbortSignal) => Promise<void>,
): Promise<LogTree> {
  const control = new Control<Settings>();
  const tree = new LogTree();
  const root = async ({ run, healthy, signal }: Context) => {
    run("part", whileWanted(control, work(control)));
    healthy();
    await sleep(60_000, signal);
  };
  const supervisor = new Supervisor(root, { tree });
  supervisor.start();
  try {
    await check(control, AbortSignal.timeout(5_000));
  } finally {
    await supervisor.stop();
  }
  return tree;
}

test("whileWanted serves one wish after the other, never two at once", async () => {
  const trace: string[] = [];
  const work = (control: Control<Settings>) => async (settings: Settings, context: Context) => {
    trace.push(`${settings.name} starts`);
    control.running.set(settings);
    try {
      await sleep(60_000, context.signal);
    } finally {
      await sleep(5);
      trace.push(`${settings.name} ended`);
    }
  };
  await supervise(work, async (control, signal) => {
    await control.start({ name: "one" }, signal);
    await control.start({ name: "two" }, signal);
    await control.stop(signal);
    expect(control.running.current).toBeNull();
  });
  expect(trace).toEqual(["one starts", "one ended", "two starts", "two ended"]);
});

test("whileWanted leaves failures to the supervisor, which serves the wish again", async () => {
  let attempts = 0;
  const work = (control: Control<Settings>) => async (settings: Settings, context: Context) => {
    attempts += 1;
    if (attempts === 1) throw new RangeError("broken at first");
    control.running.set(settings);
    await sleep(60_000, context.signal);
  };
  const tree = await supervise(work, async (control, signal) => {
    await control.start({ name: "one" }, signal);
  });
  expect(attempts).toBe(2);
  const { backlog } = tree.read({ dn: "root.part", backlog: "all", minimumSeverity: "error" });
  expect(JSON.stringify(backlog)).toContain("broken at first");
});

test("whileWanted does work that ends by itself once per wish", async () => {
  let runs = 0;
  const work =
    (control: Control<Settings>) =>
    async (settings: Settings, { done }: Context) => {
      runs += 1;
      control.running.set(settings);
      done();
    };
  await supervise(work, async (control, signal) => {
    await control.start({ name: "one" }, signal);
    await sleep(20);
    expect(runs).toBe(1);
    await control.start({ name: "two" }, signal);
  });
  expect(runs).toBe(2);
});

test("together ends the other parts when one fails, and waits for them", async () => {
  const trace: string[] = [];
  const patient = async (signal: AbortSignal) => {
    try {
      await sleep(60_000, signal);
    } finally {
      await sleep(5);
      trace.push("patient ended");
    }
  };
  const hasty = async () => {
    throw new RangeError("hasty failed");
  };
  const { signal } = new AbortController();
  await expect(together(signal, [patient, hasty, async () => {}])).rejects.toThrow("hasty failed");
  expect(trace).toEqual(["patient ended"]);
});

test("together ends all parts with its signal", async () => {
  const waiting = (signal: AbortSignal) => sleep(60_000, signal);
  await expect(together(AbortSignal.abort("enough"), [waiting, waiting])).rejects.toBe("enough");
});
