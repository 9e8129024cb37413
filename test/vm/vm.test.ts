// The VM tier: the real image on real firmware, with Secure Boot and a TPM. One
// file, because the order matters: the demo makes the machine that the others copy,
// and only one machine at a time has the cores.
import { describe, expect, test } from "bun:test";
import { espWriterAddsParts } from "../attack/boot/esp-writer-adds-parts.ts";
import { firmwareOwner } from "../attack/boot/firmware-owner.ts";
import { hypervisorAddsWords } from "../attack/boot/hypervisor-adds-words.ts";
import { systemIsGone } from "../attack/boot/system-is-gone.ts";
import { demoFlow } from "./demo-flow.ts";
import { golden, useOwnState } from "./golden.ts";
import { kernelFacts } from "./kernel-facts.ts";
import { lockedDown } from "./locked-down.ts";
import { otherModes } from "./modes.ts";
import { oddMachine } from "./odd-machine.ts";
import { cutPower } from "./power-cut.ts";
import { confinedPrograms } from "./programs.ts";
import { installerRefuses } from "./refusals.ts";
import { threeNodes } from "./three-nodes.ts";

/** The sample of power cuts; `bun run proof powercut` takes twenty. */
const SEEDS = [1, 2];

useOwnState();

describe("demo", demoFlow);

describe("kernel", kernelFacts);

describe("locked down", lockedDown);

describe("programs", confinedPrograms);

describe("hypervisor adds words", hypervisorAddsWords);

describe("writer of the ESP adds parts", espWriterAddsParts);

describe("owner of the firmware's variables", firmwareOwner);

describe("system is gone", systemIsGone);

describe("installer", installerRefuses);

describe("other modes", otherModes);

describe("odd machine", oddMachine);

describe("three nodes", threeNodes);

describe("power cut", () => {
  test.each(SEEDS)("seed %d ends in a working cluster", async (seed) => {
    const { node, during, cutMs } = await cutPower(seed, await golden());
    console.log(`power cut ${seed}: after ${cutMs} ms, ${during}`);
    expect(node).toMatch(/^metropolis-[0-9a-f]{32} +UP +10\.1\.0\.2 +HEALTHY /);
  });
});
