// The help of a command, as narrow terminals and pipes get it.
import { expect, test } from "bun:test";
import { renderUsage, type Usage } from "./usage.ts";

const usage: Usage = {
  name: "metroctl thing make",
  description: "Make things",
  args: {
    mode: { type: "string", default: "fast", description: "fast or slow", valueHint: "mode" },
    "a-flag-with-quite-a-long-name": { type: "string", description: "What it means" },
    form: { type: "enum", alias: "o", options: ["table", "json"], description: "The form" },
    dn: { type: "string", default: "", description: "Where to start" },
    yes: { type: "boolean", alias: "y", description: "Do not ask whether it is meant" },
    thing: { type: "positional", required: true, description: "Its name" },
    ids: { type: "positional", required: false, description: "Nodes" },
  },
  many: new Set(["ids"]),
  commands: [],
};

test("renderUsage keeps within the terminal, and lays flags out in two columns", () => {
  const text = renderUsage(usage, { width: 48, isStyled: false });
  expect(text).toBe(`Make things

USAGE  metroctl thing make [OPTIONS] <THING> [IDS…]

ARGUMENTS
  THING   Its name
  IDS     Nodes

OPTIONS
  --mode=<mode>             fast or slow
                            (default: fast)
  --a-flag-with-quite-a-long-name=<a-flag-with-quite-a-long-name>
                            What it means
  -o, --form=<table|json>   The form
  --dn=<dn>                 Where to start
  -y, --yes                 Do not ask whether
                            it is meant
  -h, --help                Print this`);
});

test("renderUsage lists the commands below a group", () => {
  const group = {
    ...usage,
    name: "metroctl thing",
    args: {},
    commands: [["make", "Make"]] as const,
  };
  expect(renderUsage(group, { width: 80, isStyled: false })).toBe(`Make things

USAGE  metroctl thing <command>

COMMANDS
  make   Make

metroctl thing <command> --help tells more about a command.`);
});

test("renderUsage styles its headings alone, and pads nothing", () => {
  const text = renderUsage(usage, { width: 80, isStyled: true });
  expect(Bun.stripANSI(text)).toBe(renderUsage(usage, { width: 80, isStyled: false }));
  expect(text).toContain("\u001b[1mOPTIONS\u001b[22m\n");
  expect(text.split("\n").filter((line) => line.endsWith(" "))).toEqual([]);
});

test("renderUsage leaves a terminal too narrow for two columns to break lines itself", () => {
  expect(renderUsage(usage, { width: 0, isStyled: false })).toContain(
    "fast or slow (default: fast)",
  );
});
