// What the handbook prints is true: its commands parse, its scripts and stages
// exist, its ports are those of the code.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { chapters } from "../src/handbook/handbook.ts";
import { find } from "../src/metroctl/arguments.ts";
import { load, subCommands } from "../src/metroctl/commands/tree.ts";
import { outputArgs } from "../src/metroctl/output/print.ts";
import { root } from "../src/metroctl/root.ts";
import { clusterArgs } from "../src/metroctl/session/cluster-args.ts";

const top = join(import.meta.dir, "..");

const readme = { title: "README", text: readFileSync(join(top, "README.md"), "utf8") };

/** Every line of every shell block of the handbook and the README, with where it stands. */
const lines = [...chapters, readme].flatMap(({ title, text }) =>
  [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = ""]) =>
    block
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => [title, line.replace(/ +#.*$/, "")] as const),
  ),
);

/** The words of a line as a shell would split them; a placeholder such as `<file or device>` is one. */
function words(line: string): readonly string[] {
  const pattern = /(?:"[^"]*"|<[^>]*>|[^\s"<])+/g;
  return (line.match(pattern) ?? []).map((word) => word.replaceAll('"', ""));
}

const commands = lines.filter(([, line]) => line.startsWith("metroctl "));

test("the handbook shows commands to try", () => {
  expect(commands.length).toBeGreaterThan(40);
});

test.each(commands)("%s: %s is a command that metroctl understands", async (_, line) => {
  const found = await find(words(line).slice(1), root, { ...clusterArgs, ...outputArgs });
  expect(found.command.run).toBeFunction();
});

/** The words of every command at the end of the tree. */
async function leaves(command: typeof root, path: readonly string[]): Promise<readonly string[]> {
  const below = Object.entries(await subCommands(command));
  if (below.length === 0) return [path.join(" ")];
  const all = below.map(async ([name, each]) => leaves(await load(each), [...path, name]));
  return (await Promise.all(all)).flat();
}

test("the handbook leaves out no command of metroctl", async () => {
  const text = chapters.map((chapter) => chapter.text).join("\n");
  const missing = (await leaves(root, ["metroctl"])).filter((name) => !hasCommand(text, name));
  expect(missing).toEqual([]);
});

/** Whether a text names a command, its flags aside. */
function hasCommand(text: string, name: string): boolean {
  const shown = text.replaceAll(/ --(?:endpoints|context) <\w+>/g, "");
  return new RegExp(`${name}(?![\\w-])`).test(shown);
}

test.each(lines.filter(([, line]) => / run \w/.test(line)))("%s: %s is a script", (_, line) => {
  const [, script = ""] = / run (\w+)/.exec(line) ?? [];
  expect(Object.keys(packageJson.scripts)).toContain(script);
});

test.each(lines.filter(([, line]) => line.startsWith("bun build.ts")))(
  "%s: %s names stages of the build",
  (_, line) => {
    const stages = line.split(" ").slice(2);
    const source = readdirSync(join(top, "src/image/build"))
      .filter((name) => !name.includes(".test."))
      .map((name) => readFileSync(join(top, "src/image/build", name), "utf8"))
      .join("\n");
    for (const stage of stages.filter((name) => name !== "list")) {
      expect(source).toContain(`name: "${stage}"`);
    }
  },
);

/**
 * Ports that our code listens on or makes a program listen on, where, and the words of the
 * code that say where.
 */
const ports: readonly (readonly [string, string, RegExp])[] = [
  ["7834", "all addresses", /--listen-peer-urls=https:\/\/\[::\]:\$\{ports\.peer\}/],
  ["7835", "all addresses", /listen: \{ host: "::", port \}/],
  ["7836", "loopback", /return `127\.0\.0\.1:\$\{ports\.client\}`/],
  ["7838", "all addresses", /`ListenPort = \$\{MESH_PORT\}`/],
  ["7839", "all addresses", /listen: \{ host: "::", port \}/],
  ["7842", "loopback", /--listen-metrics-urls=http:\/\/127\.0\.0\.1:\$\{ports\.metrics\}/],
  ["7847", "all addresses", /listen = \{ host: "::", port: RECOVERY_PORT \}/],
];

const architecture = chapters.find(({ title }) => title === "Cluster Architecture")?.text ?? "";
const rows = [...architecture.matchAll(/^\| (\d{4}) \| ([^|]+) \|/gm)];
const listed = rows.map(([, port = ""]) => port);

test("the handbook lists the ports of the code, and no others", () => {
  expect(rows.map(([, port, where]) => [port, where])).toEqual(
    ports.map(([port, where]) => [port, where]),
  );
});

/** Everything a node runs, without comments and tests. */
const nodeSource = ["node", "curator"]
  .flatMap((room) =>
    readdirSync(join(top, "src", room), { recursive: true, encoding: "utf8" }).map((name) =>
      join(top, "src", room, name),
    ),
  )
  .filter((path) => path.endsWith(".ts") && !/\.test\.ts$|\/test-/.test(path))
  .flatMap((path) => readFileSync(path, "utf8").split("\n"))
  .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line))
  .join("\n");

test.each(ports)("port %s of the handbook is in the code, on %s", (port, _, pattern) => {
  expect(nodeSource).toMatch(new RegExp(`\\b${port}\\b`));
  expect(nodeSource).toMatch(pattern);
});

test("the code of a node names no port of ours that the handbook leaves out", () => {
  const named = new Set([...nodeSource.matchAll(/\b(78[34]\d|64\d\d)\b/g)].map(([port]) => port));
  expect([...named].filter((port) => !listed.includes(port))).toEqual([]);
});
