// The handbook's demo with one node, message by message; then off, and on again.
import { expect, test } from "bun:test";
import { join } from "node:path";
import {
  continueFrom,
  type Golden,
  makeGolden,
  outputs,
  powerOff,
  scratch,
  untilServing,
} from "./golden.ts";
import { Operator } from "./operator.ts";
import { expectConfined } from "./programs.ts";

/** Registers the tests; the first one makes the machine that all others start from. */
export function demoFlow(): void {
  let kept: Golden;

  const said = (command: string) => {
    const found = kept.walk.transcripts.find((transcript) => transcript.command.includes(command));
    return found ?? { command, exitCode: -1, stdout: "", stderr: "" };
  };

  test("the demo goes from a USB image to an owned cluster", async () => {
    kept = await makeGolden();
    expect(said("takeownership").exitCode).toBe(0);
  });

  test("genusb says what the handbook prints", () => {
    expect(said("genusb").stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d Generating installer image \(this can take a while, see issues\/92\)\.$/m,
    );
  });

  test("the installer says what the handbook prints", () => {
    expect(kept.walk.installConsole).toMatch(/^ *Installing to \/dev\/vd[a-z]\.\.\.$/m);
  });

  test("takeownership says what the handbook prints", () => {
    const { stderr } = said("takeownership");
    expect(stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d Successfully retrieved owner credentials! You now own this cluster\. Setting up kubeconfig now\.\.\.$/m,
    );
    expect(stderr).toMatch(
      /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d Success! kubeconfig is set up\. You can now run kubectl --context=metropolis \.\.\. to access the Kubernetes cluster\.$/m,
    );
  });

  test("the node is back after power off and power on, without help", async () => {
    await using cluster = await continueFrom("again", kept.owned);
    const machine = cluster.machine();
    await machine.powerOn();
    await untilServing(cluster, machine);
    const owner = new Operator(kept.owner, outputs).copy(scratch("again"));
    const reach = ["--endpoints", machine.address, "--proxy", cluster.proxy] as const;
    const described = await untilHealthy(owner, reach);
    expect(described).toMatch(
      /^metropolis-[0-9a-f]{32} +UP +10\.1\.0\.2 +HEALTHY +ConsensusMember/m,
    );
    // Nothing troubles it: the last column, behind the boot's ID, is empty.
    expect(described).toMatch(/ [0-9a-f]{32}$/m);
    const [id = ""] = (await owner.metroctl(...reach, "node", "list")).split("\n");
    expect(id).toMatch(/^metropolis-[0-9a-f]{32}$/);
    expect(await owner.metroctl(...reach, "approve")).toBe(
      "There are no nodes pending approval at this time.\n",
    );
    const logs = await owner.metroctl(...reach, "node", "logs", id);
    await Bun.write(join(scratch("logs"), "node.log"), logs);
    expectLogs(logs, id);
    expectConfined(logs);
    await powerOff(cluster, machine);
  });
}

/** The heartbeat that makes a node healthy comes a moment after the API. */
async function untilHealthy(owner: Operator, reach: readonly string[]): Promise<string> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const text = await owner.persist(...reach, "node", "describe");
    if (text.includes(" HEALTHY ")) return text;
    await Bun.sleep(2_000);
  }
  return owner.metroctl(...reach, "node", "describe");
}

/** Lines as in the handbook: DN, severity and time, file and line, text. */
function expectLogs(logs: string, id: string): void {
  expect(logs).toStartWith(`=== Logs from ${id} (10.1.0.2):\n`);
  expect(logs).toEndWith("=== Done.\n");
  const line = (dn: string, text: string) =>
    new RegExp(`^${dn} +I\\d{4} \\d\\d:\\d\\d:\\d\\d\\.\\d{6} [^ ]+:\\d+\\] .*${text}`, "m");
  expect(logs).toMatch(line("root\\.enrolment", "Joining"));
  expect(logs).toMatch(line("root\\.network\\.interfaces\\.dhcp", "DISCOVERING => REQUESTING"));
  expect(logs).toMatch(line("root\\.network\\.interfaces\\.dhcp", "REQUESTING => BOUND"));
}
