// The rules of the house, as a test: which room may import which, who owns an
// outside package, how long a file or function may be, and what every file and
// export must say about itself. A failure names the offending file and line.
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const top = fileURLToPath(new URL("..", import.meta.url));

/** What a room of src/ may import, besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  base: ["gen"],
  image: ["base", "gen"],
  init: ["base", "image", "gen"],
  installer: ["base", "image", "gen"],
  node: ["base", "image", "gen"],
  curator: ["base", "image", "gen"],
  launcher: ["base", "image", "gen"],
  handbook: [],
  metroctl: ["base", "image", "gen", "launcher", "handbook"],
  "main.ts": ["init", "installer", "node", "curator", "metroctl", "launcher"],
};

/** Who may import an outside package: the folders below src/, by prefix. */
const owners: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^bun:ffi$/, ["base/linux/"]],
  [/^node:child_process$/, ["base/process/"]],
  [/^@grpc\//, ["base/rpc/"]],
  [/^@peculiar\/|^reflect-metadata$/, ["base/pki/"]],
  [/^@bufbuild\/cel/, ["curator/"]],
  [/^citty$|^consola$|^yaml$/, ["metroctl/"]],
  [/^shamir-secret-sharing$|^age-encryption$|^@scure\//, ["base/pki/"]],
  [/^socks$/, ["base/rpc/", "metroctl/"]],
  [/^fflate$/, ["base/format/"]],
  [/^@noble\//, ["image/build/"]],
];

/** Rooms that are collections: any of their files may be imported. */
const collections = ["gen", "base/linux", "base/format", "base/pki"];

const MAX_FILE_LINES = 400;
const MAX_FUNCTION_LINES = 60;

interface Source {
  /** Path below src/. */
  readonly path: string;
  readonly lines: readonly string[];
}

function sources(): readonly Source[] {
  return readdirSync(join(top, "src"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.startsWith("gen/"))
    .map((path) => ({ path, lines: readFileSync(join(top, "src", path), "utf8").split("\n") }));
}

const all = sources();
const written = all.filter(({ path }) => !path.endsWith(".test.ts"));

/** What a test file is about, so that main.test.ts counts as main.ts. */
function subject(path: string): string {
  return path.replace(/\.test\.ts$/, ".ts");
}

/** The room a path belongs to: the first folder, and below base the second too. */
function room(path: string): string {
  const [first = "", second = ""] = subject(path).split("/");
  return first === "base" ? `base/${second}` : first;
}

function level(path: string): string {
  return subject(path).split("/")[0] ?? "";
}

interface Import {
  readonly from: string;
  readonly line: number;
  /** A path below src/ for our own files, else the specifier. */
  readonly target: string;
  readonly isOwn: boolean;
}

/** Every import and export-from of a file, type-only and lazy ones included. */
function imports({ path, lines }: Source): readonly Import[] {
  const pattern = /(?:from|import)\s*\(?\s*"([^"]+)"/g;
  return lines.flatMap((text, index) =>
    /^\s*(\/\/|\*)/.test(text)
      ? []
      : [...text.matchAll(pattern)].map(([, specifier = ""]) => {
          const isOwn = specifier.startsWith(".");
          const target = isOwn ? normalize(join(dirname(path), specifier)) : specifier;
          return { from: path, line: index + 1, target, isOwn };
        }),
  );
}

/** The one file above src/ that may be imported: it knows the version. */
const PACKAGE = "../package.json";

const edges = all.flatMap(imports).filter(({ target }) => target !== PACKAGE);

function where({ from, line, target }: Import): string {
  return `src/${from}:${line} imports ${target}`;
}

test("rooms import only what lies below them", () => {
  const wrong = edges.filter(({ from, target, isOwn }) => {
    if (!isOwn || level(from) === level(target)) return false;
    return !(mayImport[level(from)] ?? []).includes(level(target));
  });
  expect(wrong.map(where)).toEqual([]);
});

test("rooms are entered by their front doors", () => {
  const wrong = edges.filter(({ from, target, isOwn }) => {
    if (!isOwn || room(from) === room(target) || from === "main.ts") return false;
    if (collections.includes(room(target))) return false;
    if (level(target) === "handbook") return false;
    const door = room(target);
    return target !== `${door}/${basename(door)}.ts` && !isTestSupport(from, target);
  });
  expect(wrong.map(where)).toEqual([]);
});

/** Tests, and what supports them, may use the small true implementations that rooms offer to tests. */
function isTestSupport(from: string, target: string): boolean {
  const support = /\/test-[a-z-]+\.ts$/;
  return (from.endsWith(".test.ts") || support.test(from)) && support.test(target);
}

test("no two rooms import each other", () => {
  const pairs = new Set(
    edges
      .filter(({ from, target, isOwn }) => isOwn && room(from) !== room(target))
      .filter(({ from }) => !from.endsWith(".test.ts"))
      .map(({ from, target }) => `${room(from)} ${room(target)}`),
  );
  const mutual = [...pairs].filter((pair) => pairs.has(pair.split(" ").reverse().join(" ")));
  expect(mutual).toEqual([]);
});

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** What each file cannot run without: what is imported for its types alone is none of it. */
function files(): Graph {
  const statement = /^(?:import|export) (?!type )[^;]*?"(\.{1,2}\/[^"]+)"/gm;
  return new Map(
    written.map(({ path, lines }) => {
      const specifiers = [...lines.join("\n").matchAll(statement)].map(([, each = ""]) => each);
      return [path, new Set(specifiers.map((each) => normalize(join(dirname(path), each))))];
    }),
  );
}

/** The same of folders. */
function folders(): Graph {
  const found = new Map<string, Set<string>>();
  for (const [path, needed] of files()) {
    const folder = dirname(path);
    const others = [...needed].map((each) => dirname(each)).filter((other) => other !== folder);
    found.set(folder, new Set([...(found.get(folder) ?? []), ...others]));
  }
  return found;
}

/** Who is in a ring, or leads into and out of one. */
function rings(graph: Graph): readonly string[] {
  const rest = new Map(graph);
  const needed = (name: string) => [...rest.values()].some((others) => others.has(name));
  const needs = (name: string) => [...(rest.get(name) ?? [])].some((other) => rest.has(other));
  // Takes away who needs, or is needed by, nobody that is left, until none goes.
  for (let size = -1; size !== rest.size; ) {
    size = rest.size;
    for (const name of rest.keys()) if (!needs(name) || !needed(name)) rest.delete(name);
  }
  return [...rest.keys()];
}

test("no folders import each other, nor in a ring", () => {
  expect(rings(folders())).toEqual([]);
});

test("no files import each other, nor in a ring", () => {
  expect(rings(files())).toEqual([]);
});

test("outside packages are imported by their owners only", () => {
  const wrong = edges.filter(({ from, target, isOwn }) => {
    if (isOwn) return false;
    const owner = owners.find(([pattern]) => pattern.test(target));
    return owner !== undefined && !owner[1].some((folder) => from.startsWith(folder));
  });
  expect(wrong.map(where)).toEqual([]);
});

test("only base/process starts programs", () => {
  const wrong = written.filter(
    ({ path, lines }) =>
      !path.startsWith("base/process/") && lines.some((text) => /\bBun\.spawn(Sync)?\(/.test(text)),
  );
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test("every room of src has a front door", () => {
  const rooms = new Set(
    written.filter(({ path }) => path.includes("/")).map(({ path }) => room(path)),
  );
  const paths = new Set(written.map(({ path }) => path));
  const missing = [...rooms].filter(
    (name) => !collections.includes(name) && !paths.has(`${name}/${basename(name)}.ts`),
  );
  expect(missing).toEqual([]);
});

test("every file opens with a comment that says what it is", () => {
  const wrong = all.filter(({ lines }) => !/^(\/\/ |\/\*)/.test(lines[0] ?? ""));
  expect(wrong.map(({ path }) => path)).toEqual([]);
});

test("no file is longer than 400 lines", () => {
  const tests = readdirSync(join(top, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join(top, "test", path));
  const long = [...all.map(({ path }) => join(top, "src", path)), ...tests, join(top, "build.ts")]
    .map((path) => ({ path, length: readFileSync(path, "utf8").split("\n").length - 1 }))
    .filter(({ length }) => length > MAX_FILE_LINES);
  expect(long.map(({ path, length }) => `${relative(top, path)}: ${length}`)).toEqual([]);
});

/** Functions by their opening line and the closing brace at the same indentation. */
function functions({ path, lines }: Source): readonly { name: string; length: number }[] {
  const opening =
    /^(\s*)(?:export )?(?:async )?function\*? ?(\w+)|^(\s*)(?:export )?const (\w+) = (?:async )?\(.*=> \{$/;
  return lines.flatMap((text, start) => {
    const match = opening.exec(text);
    if (match === null) return [];
    const indent = match[1] ?? match[3] ?? "";
    const length = lines.slice(start).findIndex((line) => line.startsWith(`${indent}}`)) + 1;
    return [{ name: `src/${path}:${start + 1} ${match[2] ?? match[4]}: ${length}`, length }];
  });
}

test("no function is longer than 60 lines", () => {
  const long = written.flatMap(functions).filter(({ length }) => length > MAX_FUNCTION_LINES);
  expect(long.map(({ name }) => name)).toEqual([]);
});

test("every export has a doc comment", () => {
  const declaration =
    /^export (?:default )?(?:abstract )?(?:async )?(?:function\*?|class|interface|type|const) (\w+)/;
  const bare = written.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      const match = declaration.exec(text);
      if (match === null || /\*\/\s*$|^\/\//.test(lines[index - 1] ?? "")) return [];
      // Overloads share the comment of the first.
      if (lines[index - 1]?.startsWith(`export function ${match[1]}`)) return [];
      return [`src/${path}:${index + 1} ${match[1]}`];
    }),
  );
  expect(bare).toEqual([]);
});

test("every function, class and constant that is exported is used, not only tested", () => {
  const declaration = /^export (?:async )?(?:function\*?|(?:abstract )?class|const) (\w+)/gm;
  const texts = written
    .filter(({ path }) => !/\/test-[a-z-]+\.ts$/.test(path))
    .map(({ path, lines }) => ({ path, text: lines.join("\n") }));
  const users = readdirSync(join(top, "test"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => join("test", path))
    .concat("build.ts")
    .map((path) => readFileSync(join(top, path), "utf8"));
  const unused = texts.flatMap(({ path, text }) =>
    [...text.matchAll(declaration)].flatMap(([, name = ""]) => {
      const word = new RegExp(`\\b${name}\\b`, "g");
      const isUsed =
        (text.match(word) ?? []).length > 1 ||
        texts.some((other) => other.path !== path && word.test(other.text)) ||
        users.some((other) => other.includes(name));
      return isUsed ? [] : [`src/${path} ${name}`];
    }),
  );
  expect(unused).toEqual([]);
});

test("types have no escape hatches and errors have a class", () => {
  const hatch = /: any\b|\bas any\b|<any>|as unknown as|@ts-(ignore|expect-error|nocheck)/;
  const found = written.flatMap(({ path, lines }) =>
    lines.flatMap((text, index) => {
      if (/^\s*(\/\/|\*|\/\*)/.test(text)) return [];
      const isWrong = hatch.test(text) || /throw new Error\(/.test(text);
      return isWrong ? [`src/${path}:${index + 1} ${text.trim()}`] : [];
    }),
  );
  expect(found).toEqual([]);
});
