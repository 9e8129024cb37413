// Tests of the version.
import { expect, test } from "bun:test";
import { formatVersion, parseVersion, runningVersion } from "./version.ts";

test.each([
  ['NAME=Metropolis\nVERSION_ID=0.1.12\nPRETTY_NAME="Metropolis 9.9.9"\n', "0.1.12"],
  ['VERSION_ID="2.0.1-dev"\n', "2.0.1"],
  ["VERSION_ID=12\n", "0.0.0"],
  ["", "0.0.0"],
])("parseVersion reads %p as %p", (text, version) => {
  expect(formatVersion(parseVersion(text))).toBe(version);
});

test("runningVersion does without the file", () => {
  expect(formatVersion(runningVersion("/nonexistent"))).toBe("0.0.0");
});
