// A machine as people have them: its hardware clock is years off, no time server answers, beside
// its own disk lie another node's, installed from the same release, and one that is broken. The
// others come first, so that whoever counts disks counts wrong.
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { copySparse, createCluster } from "../../src/launcher/launcher.ts";
import { clear, golden, outputs, patience, scratch, untilServing } from "./golden.ts";
import { Operator } from "./operator.ts";

/** Time limits for a machine that runs natively. */
const INSTALL_MS = 90_000;
const SAID_MS = 30_000;
/** How long the first node waits for the time, whatever its machine is. */
const WAIT_MS = 60_000;
const DECADE_MS = 3_650 * 86_400_000;

const NAME = "odd";

/** Registers the test. */
export function oddMachine(): void {
  test("a machine with a wrong clock and disks of others becomes a node, and stays one", walk);
}

async function walk(): Promise<void> {
  const { installed, medium, candidate } = await golden();
  const folder = scratch(NAME);
  const other = join(folder, "other.img");
  await copySparse(join(installed, "disk.img"), other);
  const written = statSync(other).mtimeMs;
  const otherDisks = [{ file: other }, { broken: true }] as const;
  await clear(NAME);
  await using cluster = await createCluster({
    name: NAME,
    machines: [{ disk: "4G" }],
    out: outputs,
    isBound: true,
  });
  const machine = cluster.machine();
  // To be read where something fails.
  await using _ = {
    [Symbol.asyncDispose]: async () =>
      void (await Bun.write(join(folder, "console.log"), machine.console.text())),
  };
  const said = (text: RegExp, moreMs = 0) =>
    machine.console.waitFor(text, { timeoutMs: patience(cluster, SAID_MS) + moreMs });

  // An empty battery: the clock begins in another century, but no earlier than the release.
  await cluster.silenceTime();
  const past = { clock: "2005-06-07T08:09:10", otherDisks };
  await machine.installFrom(medium, patience(cluster, INSTALL_MS), () => {}, past);
  await machine.kill();
  const installing = machine.console.text();
  expect(installing).toContain("The hardware clock says 2005-06-07T08:");
  expect(installing).toContain("Warning: /dev/vda holds another installation of Metropolis");
  expect(installing).toMatch(/Warning: \/dev\/vdb cannot be read: .*EIO/);
  expect(installing).toMatch(/^ *Installing to \/dev\/vdc\.\.\.$/m);

  // The first start, ten years ahead.
  await machine.powerOn({ clock: "2036-01-01T00:00:00", otherDisks });
  await said(/issued; the clock here says 2036-01-01/);
  await said(/No time server has answered; certificates are issued although/, WAIT_MS);
  await untilServing(cluster, machine);
  const owner = new Operator(candidate, outputs).copy(join(folder, "owner"));
  const reach = ["--endpoints", machine.address, "--proxy", cluster.proxy] as const;
  await owner.metroctl("--proxy", cluster.proxy, "takeownership", machine.address);
  const wrong = await described(owner, reach, /the clock cannot be right: it says 2036-01-01/);
  expect(wrong).toContain("disk /dev/vda holds an installation too and is left alone");
  expect(wrong).toMatch(/disk \/dev\/vdb cannot be read and is left alone: .*EIO/);
  const shown = await owner.metroctl(...reach, "cluster", "show");
  expect(shown).toMatch(/^trouble +metropolis-\S+ the clock cannot be right/m);

  // Time arrives.
  await cluster.tellTime(0);
  await said(/The clock was set from 2036-01-0\S+ to 20/);
  await said(/The next certificate of this node holds until/);
  expect(await described(owner, reach, / HEALTHY /)).not.toContain("clock");

  // It comes back, and a liar on the wire does not move it.
  await machine.kill();
  await cluster.tellTime(DECADE_MS);
  await machine.powerOn({ otherDisks });
  await untilServing(cluster, machine);
  await described(owner, reach, /is 3650 days slow by the time servers, which prove nothing/);
  await described(owner, reach, / HEALTHY /);
  await machine.kill();
  expect(statSync(other).mtimeMs).toBe(written);
}

/** What is said of the node, once it says so. */
async function described(owner: Operator, reach: readonly string[], text: RegExp): Promise<string> {
  let last = "";
  for (let attempt = 0; attempt < 40; attempt += 1) {
    last = await owner.persist(...reach, "node", "describe");
    if (text.test(last)) return last;
    await Bun.sleep(2_000);
  }
  expect(last).toMatch(text);
  return last;
}
