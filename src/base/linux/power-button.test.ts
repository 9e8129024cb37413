// Tests of the power button, with input events made by hand.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasBit, hasPress, PowerButton, powerButtons } from "./power-button.ts";

function event(type: number, code: number, value: number): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, type, true);
  view.setUint16(18, code, true);
  view.setInt32(20, value, true);
  return bytes;
}

test.each([
  ["10000000000000 0", 116, true],
  ["10000000000000 0", 115, false],
  ["1", 116, false],
  ["", 0, false],
])("hasBit of %s at %d is %p", (bitmap, bit, expected) => {
  expect(hasBit(bitmap, bit)).toBe(expected);
});

test.each([
  ["a press", [event(1, 116, 1), event(0, 0, 0)], true],
  ["a release", [event(1, 116, 0), event(0, 0, 0)], false],
  ["another key", [event(1, 30, 1)], false],
  ["nothing", [], false],
])("hasPress with %s", (_, events, expected) => {
  expect(hasPress(Buffer.concat(events))).toBe(expected);
});

test("powerButtons finds the devices with a power key", () => {
  const root = mkdtempSync(join(tmpdir(), "metropolis-input-"));
  for (const [name, keys] of [
    ["event0", "10000000000000 0"],
    ["event1", "3"],
    ["mouse0", "10000000000000 0"],
  ] as const) {
    mkdirSync(join(root, name, "device/capabilities"), { recursive: true });
    writeFileSync(join(root, name, "device/capabilities/key"), `${keys}\n`);
  }
  expect(powerButtons(root)).toEqual(["/dev/input/event0"]);
  expect(powerButtons("/no/such/folder")).toEqual([]);
});

test("PowerButton says once that it was pressed", () => {
  const path = join(mkdtempSync(join(tmpdir(), "metropolis-button-")), "event0");
  writeFileSync(path, Buffer.concat([event(1, 116, 1), event(0, 0, 0)]));
  const button = new PowerButton(path);
  expect(button.wasPressed()).toBe(true);
  expect(button.wasPressed()).toBe(false);
  button.close();
});
