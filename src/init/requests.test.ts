// Tests of requests for the machine's end, in a process that signals itself.
import { expect, test } from "bun:test";
import { here } from "./test-machine.ts";

function endingAfter(...signals: readonly string[]): string {
  const program = `
    import { listenForEnd } from "${here}requests.ts";
    const say = (text) => console.log(text);
    const { signal, ending } = listenForEnd({ info: say, warning: say, error: say, fatal: say });
    for (const name of ${JSON.stringify(signals)}) process.kill(process.pid, name);
    console.log(await ending, signal.aborted);
    process.exit();
  `;
  return Bun.spawnSync([process.execPath, "-e", program]).stdout.toString();
}

test.each([
  ["SIGINT", "Ctrl-Alt-Del was pressed: going to reboot\nreboot true\n"],
  ["SIGTERM", "Init was told to stop: going to power off\npower off true\n"],
])("listenForEnd hears %s", (signal, output) => {
  expect(endingAfter(signal)).toBe(output);
});

test("listenForEnd stays with one request", () => {
  const output = endingAfter("SIGINT", "SIGINT", "SIGTERM");
  expect(output.match(/going to/g)).toHaveLength(1);
});
