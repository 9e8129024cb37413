// The command line itself: help, mistakes, contexts, and commands without a cluster.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { chapters } from "../handbook/handbook.ts";
import { ContextFolder, contextFiles } from "./session/context.ts";
import { TestControlPlane } from "./test-control-plane.ts";

// No server runs: these commands get by without.
let plane: TestControlPlane;
beforeEach(() => {
  plane = new TestControlPlane();
});
afterEach(() => plane[Symbol.asyncDispose]());

test("metroctl alone, and with --help, shows what there is", async () => {
  const bare = await plane.metroctl();
  expect(bare).toMatchObject({ stderr: "", exitCode: 0 });
  for (const name of ["install", "takeownership", "approve", "node", "cluster", "handbook"])
    expect(bare.stdout).toContain(name);
  expect(bare.stdout).not.toContain("\u001b");
  expect(await plane.metroctl("--help")).toEqual(bare);
});

test("--help explains a command instead of running it", async () => {
  const { stdout, stderr, exitCode } = await plane.metroctl("node", "describe", "--help");
  expect(stdout).toContain("metroctl node describe");
  for (const flag of ["--columns", "--filter", "--endpoints", "--proxy", "--output"])
    expect(stdout).toContain(flag);
  expect([stderr, exitCode]).toEqual(["", 0]);
});

test("help and --version say what --help and version do", async () => {
  const node = await plane.metroctl("node", "list", "--help");
  expect(await plane.metroctl("help", "node", "list")).toEqual(node);
  expect((await plane.metroctl("help")).stdout).toBe((await plane.metroctl()).stdout);
  expect((await plane.metroctl("--version")).stdout).toBe(`${packageJson.version}\n`);
});

test("--help fits into 80 columns where nobody says how wide the terminal is", async () => {
  const { stdout } = await plane.metroctl("install", "genusb", "--help");
  expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
});

test.each([
  [["frobnicate"], "metroctl has no command frobnicate: there are install,"],
  [["node"], "metroctl node: name a command: list, describe, logs"],
  [["node", "lst"], "metroctl node has no command lst"],
  [["version", "now"], "metroctl version: unexpected now"],
  [["version", "--loud"], "metroctl version has no flag --loud"],
  [["node", "list", "--endpoints"], "--endpoints needs a value"],
  [
    ["node", "list", "-o", "xml"],
    "--output (xml). Expected one of: table, json, yaml: see metroctl",
  ],
  [["completion"], "Missing required positional argument: SHELL"],
  [["completion", "tcsh"], "no completion for tcsh: there are bash, zsh and fish"],
  [["cluster", "create", "-b", "x", "--disk=4X"], "--disk=4X: give a number and M, G or T"],
  [["cluster", "create", "-b", "x", "--memory=0G"], "--memory=0G: give a number and M, G or T"],
  [["cluster", "create"], "--bundle=<installation-bundle-path> is missing"],
  [["cluster", "console", "-m", "zero"], "--machine=zero: give the machine's number, from 1"],
  [["cluster", "console", "--machine=-1"], "--machine=-1: give the machine's number"],
  [
    ["context", "use"],
    "Missing required positional argument: NAME: see metroctl context use --help",
  ],
  [["takeownership", "10.1.0.2:"], 'takeownership: "10.1.0.2:" is no host name or address'],
  [["takeownership", "10.1.0.2", "--proxy=127.0.0.1"], "--proxy=127.0.0.1: give host and port"],
  [["takeownership", "--endpoints="], 'takeownership: "" is no host name or address'],
])("metroctl %p is not understood: one line, exit code 2", async (words, message) => {
  const { stdout, stderr, exitCode } = await plane.metroctl(...words);
  expect(stderr).toStartWith("Error: ");
  expect(stderr).toContain(message);
  expect(stderr.trimEnd()).not.toContain("\n");
  expect([stdout, exitCode]).toEqual(["", 2]);
});

test.each([
  [["node", "list"], "context default owns no cluster: run metroctl takeownership <address> first"],
  [
    ["approve", "--context=demo"],
    "context demo owns no cluster: there is none of this name, metroctl",
  ],
  [["k8s", "configure"], "context default knows no endpoints: give --endpoints"],
  [["k8scredplugin"], "owns no cluster"],
  [["node", "list", "--context", "../x"], "context name ../x: use up to 63 letters"],
  [["context", "use", "demo"], "/contexts/demo: metroctl context list prints those there are"],
  [["context", "remove", "demo"], "no context demo: metroctl context list prints those there are"],
  [["handbook", "astrology"], "no chapter astrology: metroctl handbook lists them"],
  [["cluster", "destroy", "nowhere"], "there is no cluster nowhere"],
  [["cluster", "start", "nowhere"], "there is no cluster nowhere on this workstation: metroctl"],
  [["cluster", "create", "-b", "/none.zip"], "there is no bundle /none.zip: give --bundle=<path>"],
  [["node", "list", "--config=/etc/hostname"], "read /etc/hostname/current-context: ENOTDIR"],
  [["cluster", "console", "nowhere"], "there is no cluster nowhere"],
])("metroctl %p fails: one line, exit code 1", async (words, message) => {
  const { stdout, stderr, exitCode } = await plane.metroctl(...words);
  expect(stderr).toStartWith("Error: ");
  expect(stderr).toContain(message);
  expect(stderr.trimEnd()).not.toContain("\n");
  expect([stdout, exitCode]).toEqual(["", 1]);
});

test("a failed command leaves no files in the operator's home", async () => {
  await plane.metroctl("node", "list", "--endpoints=127.0.0.1:1");
  await plane.metroctl("takeownership", "127.0.0.1:1");
  // Bun keeps a cache of its own when it runs from source.
  expect(readdirSync(plane.home).filter((name) => name !== ".bun")).toEqual(["stdout"]);
});

test("version is that of the package", async () => {
  expect(await plane.metroctl("version")).toEqual({
    stdout: `${packageJson.version}\n`,
    stderr: "",
    exitCode: 0,
  });
});

test("handbook lists its chapters, and reads each by number or title", async () => {
  const { stdout: list } = await plane.metroctl("handbook");
  const titles = list.split("\n").flatMap((line) => /^ *\d+ {2}(.*)$/.exec(line)?.[1] ?? []);
  expect(titles).toEqual(chapters.map(({ title }) => title));
  for (const { title, text } of chapters.slice(-1)) {
    const number = String(chapters.length);
    expect((await plane.metroctl("handbook", number)).stdout.trimEnd()).toBe(text.trimEnd());
    expect((await plane.metroctl("handbook", title)).stdout.trimEnd()).toBe(text.trimEnd());
  }
});

test.each([
  ["tro", "# Troubleshooting"],
  ["recovery", "# Cold start and recovery"],
  ["cluster", "# Cluster"],
  ["api", "# Cluster API"],
  ["metroctl", "# The metroctl tool"],
  ["4", "# Node"],
])("handbook %s is the chapter whose title is nearest", async (words, heading) => {
  const { stdout } = await plane.metroctl("handbook", words);
  expect(stdout.split("\n")[0]).toBe(heading);
});

test("completion offers every command and the flags of each", async () => {
  const { stdout } = await plane.metroctl("completion", "bash");
  expect(stdout).toContain("complete -o default -F _metroctl metroctl");
  expect(stdout).toMatch(/"node logs"\) words=".*--follow.*--help"/);
  expect(stdout).toMatch(/"node add"\) words="role --help"/);
  expect(stdout).toMatch(/"node"\|"node list"/);
  expect(stdout).toMatch(/""\) words=".* --context .*--help"/);
  expect(stdout).toContain(" -o --columns ");
});

test("context list, use and remove keep clusters apart", async () => {
  const config = plane.context.path;
  new ContextFolder(config, "demo").saveReach({ endpoints: ["10.1.0.2"], proxy: "127.0.0.1:9" });
  plane.context.saveReach({ endpoints: ["192.0.2.1"] });
  const list = async () => (await plane.metroctl("context", "list")).stdout.split("\n");
  expect(await list()).toEqual([
    "CURRENT   NAME      OWNER   ENDPOINTS   PROXY",
    "*         default   no      192.0.2.1",
    "          demo      no      10.1.0.2    127.0.0.1:9",
    "",
  ]);
  expect((await plane.metroctl("context", "use", "demo")).stdout).toBe("Using context demo\n");
  expect((await list())[2]).toStartWith("*         demo");
  expect((await plane.metroctl("node", "list")).stderr).toContain("context demo owns no cluster");
  const removed = await plane.metroctl("context", "remove", "demo", "--yes");
  expect(removed).toEqual({ stdout: "Removed context demo\n", stderr: "", exitCode: 0 });
  expect((await list())[1]).toStartWith("*         default");
  expect(existsSync(join(config, "contexts", "demo"))).toBe(false);
});

test("context remove keeps the key when nobody can confirm", async () => {
  const demo = new ContextFolder(plane.context.path, "demo");
  demo.write(contextFiles.ownerKey, "precious", 0o600);
  const { stderr, exitCode } = await plane.metroctl("context", "remove", "demo");
  expect(stderr).toContain("The owner key of context demo will be lost. Go on (yes/no)?");
  expect(exitCode).toBe(1);
  expect(demo.read(contextFiles.ownerKey)).toBe("precious");
});

test("context remove refuses the default context, even with --yes", async () => {
  plane.context.write(contextFiles.ownerKey, "precious", 0o600);
  const { stderr, exitCode } = await plane.metroctl("context", "remove", "default", "-y");
  expect(stderr).toBe("Error: the default context cannot be removed\n");
  expect(exitCode).toBe(1);
  expect(plane.context.read(contextFiles.ownerKey)).toBe("precious");
});

test.each([
  [{ endpoints: ["10.1.0.2:"] }, 'context.json: endpoint "10.1.0.2:" is no name or address'],
  [{ endpoints: ["10.1.0.2"], proxy: "p" }, 'context.json: proxy "p" is not host:port'],
])("a context file with %p is named, and what is wrong in it", async (reach, message) => {
  plane.context.write(contextFiles.reach, JSON.stringify(reach), 0o644);
  const { stderr } = await plane.metroctl("context", "list");
  expect(stderr).toContain(`${message}: mend or remove it`);
});

test("a key that others can read is warned of, once, with the command that helps", async () => {
  await plane.own();
  const path = join(plane.context.path, contextFiles.ownerKey);
  chmodSync(path, 0o644);
  const { stderr } = await plane.metroctl("node", "list", "--endpoints=127.0.0.1:1");
  const warning = `Warning: others on this machine can read or change ${path} (mode 644): chmod 600 ${path}`;
  expect(stderr.split(warning)).toHaveLength(2);
  chmodSync(path, 0o600);
  const { stderr: silent } = await plane.metroctl("node", "list", "--endpoints=127.0.0.1:1");
  expect(silent).not.toContain("Warning");
});

test("a damaged context file is named, and the way out", async () => {
  plane.context.write(contextFiles.reach, "{", 0o644);
  const { stderr, exitCode } = await plane.metroctl("context", "list");
  expect(stderr).toContain("context.json is not JSON: mend or remove it");
  expect(exitCode).toBe(1);
});

test.each([
  [[], "NAME   STATE   MACHINES   PROXY   FOLDER\n"],
  [["-o", "json"], "[]\n"],
  [["-o", "yaml"], "[]\n"],
])("cluster list without any cluster, %p", async (form, stdout) => {
  expect(await plane.metroctl("cluster", "list", ...form)).toEqual({
    stdout,
    stderr: "",
    exitCode: 0,
  });
});
