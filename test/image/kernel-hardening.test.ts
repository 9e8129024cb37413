// The kernel as it was built, and the command line as it is signed, against the public
// rules for hardened kernels. The sysctls of a running node are held against theirs in
// test/vm/kernel-facts.ts.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { cacheFolder } from "../../src/image/build/settings.ts";
import { nodeCommandLine } from "../../src/image/build/uki.ts";
import { builtOptions, departures, hardeningRules, type Lookup } from "./hardening.ts";

/** The words of a command line; a word without a value is its own. */
function words(line: string): Lookup {
  const values = new Map(
    line.split(" ").map((word) => {
      const [name = "", ...value] = word.split("=");
      return [name, value.join("=")];
    }),
  );
  return (name) => values.get(name);
}

const options = builtOptions(join(cacheFolder(process.env), "out", "kernel.config"));
const line = words(nodeCommandLine({ rootHash: "0".repeat(64), salt: "00", dataBlocks: 1 }));

test("the kernel's configuration follows the public rules, or says why not", () => {
  expect(departures(hardeningRules("configuration"), options)).toEqual({
    unexplained: [],
    needless: [],
  });
});

test("the node's command line follows the public rules, or says why not", () => {
  const lookup: Lookup = (name) => (name.startsWith("CONFIG_") ? options(name) : line(name));
  expect(departures(hardeningRules("commandLine"), lookup)).toEqual({
    unexplained: [],
    needless: [],
  });
});

const rules = {
  rules: { "self_protection kspp": ["CONFIG_A=y | CONFIG_B=n & CONFIG_C=y", "CONFIG_L=*yama*"] },
  deviations: {},
};
const facts = (values: Readonly<Record<string, string>>): Lookup => {
  return (name) => values[name];
};

test("departures names a rule of which no alternative holds", () => {
  const found = departures(rules, facts({ CONFIG_B: "y", CONFIG_C: "y", CONFIG_L: '"yama"' }));
  expect(found.unexplained).toEqual(["self_protection kspp: CONFIG_A=y | CONFIG_B=n & CONFIG_C=y"]);
});

test("departures takes any alternative, an absent option for one that is not set, and a list's member", () => {
  expect(departures(rules, facts({ CONFIG_C: "y", CONFIG_L: '"landlock,yama"' }))).toEqual({
    unexplained: [],
    needless: [],
  });
});

test("departures names a deviation that nothing needs, and takes one that a rule needs", () => {
  const deviations = { "CONFIG_A=y": "costs too much", "CONFIG_L=*yama*": "not wanted" };
  expect(departures({ ...rules, deviations }, facts({ CONFIG_L: '"yama"' }))).toEqual({
    unexplained: [],
    needless: ["CONFIG_L=*yama*"],
  });
});
