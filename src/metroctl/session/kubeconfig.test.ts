// The kubeconfig: what is put in, and that the rest stays.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { ContextFolder } from "./context.ts";
import { commandOf, kubeconfigPath, writeKubeconfig } from "./kubeconfig.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  path = join(folder, "kube", "config");
});
afterEach(() => rmSync(folder, { recursive: true }));

function entry() {
  return {
    context: new ContextFolder(folder, "demo"),
    endpoint: "10.1.0.2",
    proxy: "127.0.0.1:1080",
    caPem: "PEM",
    nodeId: "metropolis-1",
  };
}

test("commandOf names what goes on to be this executable", () => {
  const [executable, other] = [join(folder, "metropolis-1"), join(folder, "other")];
  const link = join(folder, "metroctl");
  for (const file of [executable, other]) writeFileSync(file, "");
  symlinkSync(executable, link);
  expect(commandOf("metroctl", executable, link)).toBe("metroctl");
  expect(commandOf(link, executable, null)).toBe(link);
  expect(commandOf(link, executable, other)).toBe(link);
  expect(commandOf("metroctl", executable, other)).toBe(executable);
  expect(commandOf(join(folder, "gone"), executable, null)).toBe(executable);
});

test("writeKubeconfig makes a file with a context named metropolis", () => {
  writeKubeconfig(entry(), path);
  const config = parse(readFileSync(path, "utf8"));
  expect(config["current-context"]).toBe("metropolis");
  expect(config.clusters[0]).toEqual({
    name: "metropolis",
    cluster: {
      server: "https://10.1.0.2:6444",
      "certificate-authority-data": Buffer.from("PEM").toString("base64"),
      "tls-server-name": "metropolis-1",
      "proxy-url": "socks5://127.0.0.1:1080",
    },
  });
  expect(config.contexts[0].context).toEqual({
    cluster: "metropolis",
    user: "metropolis",
    namespace: "default",
  });
  const { exec } = config.users[0].user;
  expect(exec.args).toEqual(["k8scredplugin", "--config", folder, "--context", "demo"]);
  expect(exec.interactiveMode).toBe("Never");
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("writeKubeconfig replaces its own entries and keeps all others", () => {
  mkdirSync(join(folder, "kube"));
  const mine = "# mine\ncurrent-context: other\nclusters:\n- name: other\n  cluster: {server: x}\n";
  writeFileSync(path, mine);
  writeKubeconfig({ ...entry(), endpoint: "fd00::2" }, path);
  writeKubeconfig({ ...entry(), endpoint: "fd00::2" }, path);
  const text = readFileSync(path, "utf8");
  const config = parse(text);
  expect(text).toContain("# mine");
  expect(config["current-context"]).toBe("other");
  expect(config.clusters.map(({ name }: { name: string }) => name)).toEqual([
    "other",
    "metropolis",
  ]);
  expect(config.clusters[1].cluster.server).toBe("https://[fd00::2]:6444");
  expect(config.users).toHaveLength(1);
});

test("writeKubeconfig leaves a damaged file as it is", () => {
  writeKubeconfig(entry(), path);
  writeFileSync(path, "a: [");
  expect(() => writeKubeconfig(entry(), path)).toThrow("is not YAML");
  expect(readFileSync(path, "utf8")).toBe("a: [");
});

test("writeKubeconfig names what is no file", () => {
  expect(() => writeKubeconfig(entry(), folder)).toThrow(`read ${folder}`);
});

test("kubeconfigPath is the first that kubectl would use", () => {
  expect(kubeconfigPath({ KUBECONFIG: ":/a:/b" })).toBe("/a");
  expect(kubeconfigPath({})).toMatch(/\/\.kube\/config$/);
});
