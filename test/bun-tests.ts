// Runs files of tests with Bun, several beside each other, and counts what came of them.
//
//   run.ts ── bun test --parallel ──┬── lane 1: a file, the next file, ...
//                                   └── lane 2: ...
//
// Most tests with processes wait for something, so that a file alone leaves processors idle.
// Files of a lane share their modules; what is printed of files takes turns, and names its file.
//
// Imports nothing from outside Bun, because run.ts runs before npm packages exist.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { limitMs } from "./limits.ts";

/** What one tier, or one check of it, came to. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** What was printed of each failure. */
  readonly failures: readonly string[];
}

/** What to run, and how. */
export interface Tests {
  /** Files, and folders of them. */
  readonly paths: readonly string[];
  /** How many files run beside each other. */
  readonly lanes: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Where else than on stderr the output goes. */
  readonly print?: Print;
}

const top = fileURLToPath(new URL("..", import.meta.url));

/**
 * How long files took, in milliseconds: the longest start first. With `--update-timings` Bun
 * measures them anew.
 */
const DURATIONS = join(import.meta.dirname, "durations.json");

/** What is printed anew of each failure at the end: the assertion and where it is. */
const FAILURE_LINES = 25;

/** Where what is run prints. */
type Print = (chunk: Uint8Array) => unknown;

const onStderr: Print = (chunk) => process.stderr.write(chunk);

/** Runs a command with its output shown, and gives its exit code and all of its stderr. */
export async function show(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
  print: Print = onStderr,
): Promise<{ code: number; text: string }> {
  const child = Bun.spawn([...argv], {
    cwd: top,
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "pipe",
  });
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stderr) {
    print(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  return { code: await child.exited, text };
}

/** The end of a text, where what failed is. */
export function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-FAILURE_LINES).join("\n");
}

/** Runs tests and counts them by Bun's summary; a run without one is a failure. */
export async function runTests({ paths, lanes, env, print }: Tests): Promise<Tally> {
  const argv = [process.execPath, "test", ...flags(paths, lanes), ...paths];
  const { code, text } = await show(argv, env, print);
  return tallyOf(code, text);
}

function flags([first = ""]: readonly string[], lanes: number): readonly string[] {
  return [
    // A lane loads what comes before tests only once, for its first file.
    `--timeout=${limitMs(resolve(top, first))}`,
    // Without modules of its own for each file: loading them took more than most tests.
    "--no-isolate",
    `--parallel=${lanes}`,
    "--parallel-delay=0",
    `--timings=${DURATIONS}`,
  ];
}

/** What a run of Bun's that printed `text` came to. */
export function tallyOf(code: number, text: string): Tally {
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}`, "m").exec(text)?.[1] ?? 0);
  const passed = count("pass");
  const failed = count("fail") + count("error");
  if (failed > 0) return { passed, failed, failures: failuresIn(text) };
  if (code === 0 && passed > 0) return { passed, failed, failures: [] };
  // A crash of the runner itself leaves no failing test behind.
  return { passed, failed: 1, failures: [lastLines(text)] };
}

/** What Bun prints of a test that failed, of a file that broke, and of a lane that did. */
const FAILED = /^\(fail\) |^# Unhandled error|^✗ /;

/**
 * What was printed about each failure, by file. Bun takes turns with the files that run, names the
 * file before each piece, and prints a test's error before its name or after it.
 */
function failuresIn(text: string): readonly string[] {
  const [files = ""] = text.split(/^\d+ tests failed:$|^ *\d+ pass$/m);
  const pieces = files.split(/^(?=\S+\.test\.ts:$)/m).map((piece) => piece.trimEnd().split("\n"));
  const byFile = Map.groupBy(pieces, ([name]) => name);
  return [...byFile].flatMap(([name, found]) => {
    const lines = around(found.flatMap((piece) => piece.slice(1)));
    return lines.length === 0 ? [] : [[name, ...lines].join("\n")];
  });
}

/** Lines that are near one that tells a failure, without what passed. */
function around(lines: readonly string[]): readonly string[] {
  const told = lines.filter((line) => !line.startsWith("(pass) "));
  const failures = told.flatMap((line, at) => (FAILED.test(line) ? [at] : []));
  return told.filter((_, at) => failures.some((other) => Math.abs(at - other) < FAILURE_LINES));
}
