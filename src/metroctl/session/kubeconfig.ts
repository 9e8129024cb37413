// The operator's kubeconfig: one cluster, user and context are put in, all the
// rest of the file is kept as it was, comments included.
import { existsSync, mkdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Document, isSeq, parseDocument, type YAMLSeq } from "yaml";
import { say } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
import type { ContextFolder } from "./context.ts";
import { hostOf } from "./endpoint.ts";
import { target } from "./reach.ts";
import { readIfExists } from "./read-file.ts";
import { replaceFile } from "./replace-file.ts";

/** What the entries are made of. */
export interface KubeconfigEntry {
  readonly context: ContextFolder;
  readonly endpoint: string;
  readonly proxy?: string | undefined;
  readonly caPem: string;
  /** Name that the server's certificate carries. */
  readonly nodeId: string;
  /** Name of cluster, user and context. */
  readonly name?: string;
}

/** The port of the Kubernetes API for users, with their cluster certificates. */
const KUBERNETES_PORT = 6444;

/** The file that kubectl would read first: `$KUBECONFIG`, or the one at home. */
export function kubeconfigPath(env = process.env): string {
  const first = env.KUBECONFIG?.split(delimiter).find((path) => path !== "");
  return first ?? join(homedir(), ".kube", "config");
}

/** Puts the cluster into the kubeconfig, atomically. Throws a {@link UserError} for a damaged one. */
export function writeKubeconfig(entry: KubeconfigEntry, path = kubeconfigPath()): void {
  const document = parseDocument(readIfExists(path) ?? "apiVersion: v1\nkind: Config\n");
  if (document.errors.length > 0)
    throw new UserError(`${path} is not YAML: mend or remove it, then run metroctl k8s configure`, {
      cause: document.errors[0],
    });
  const { name = "metropolis" } = entry;
  put(document, "clusters", { name, cluster: cluster(entry) });
  put(document, "users", { name, user: { exec: plugin(entry.context) } });
  put(document, "contexts", { name, context: { cluster: name, user: name, namespace: "default" } });
  if (!document.get("current-context")) document.set("current-context", name);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(path, document.toString(), 0o600);
}

/** An endpoint may name the Cluster API's port, which is not Kubernetes's. */
function cluster({ endpoint, proxy, caPem, nodeId }: KubeconfigEntry) {
  return {
    server: `https://${target(hostOf(endpoint), KUBERNETES_PORT)}`,
    "certificate-authority-data": Buffer.from(caPem).toString("base64"),
    "tls-server-name": nodeId,
    ...(proxy === undefined ? {} : { "proxy-url": `socks5://${proxy}` }),
  };
}

/** kubectl asks us for the owner's credentials, so they stay in one place. */
function plugin({ name, path }: ContextFolder) {
  const folder = name === "default" ? path : dirname(dirname(path));
  return {
    apiVersion: "client.authentication.k8s.io/v1",
    command: commandOf(process.argv0, process.execPath, Bun.which("metroctl")),
    // kubectl may run anywhere.
    args: ["k8scredplugin", "--config", resolve(folder), "--context", name],
    interactiveMode: "Never",
    installHint: "metroctl is the command line tool of Metropolis",
  };
}

/**
 * What kubectl runs: `metroctl` where that is this executable, found on the path; else the file as
 * it was called, since a link outlives what it points to, as after the next build.
 */
export function commandOf(argv0: string, executable: string, found: string | null): string {
  const isThis = (path: string) => realpathSync(path) === realpathSync(executable);
  if (found !== null && isThis(found)) return "metroctl";
  const called = resolve(argv0);
  return argv0.includes("/") && existsSync(called) && isThis(called) ? called : executable;
}

/** Replaces the entry of that name in one of the file's lists, or adds it. */
function put(
  document: Document,
  list: string,
  value: { readonly name: string; readonly [part: string]: unknown },
): void {
  if (!isSeq(document.get(list))) document.set(list, document.createNode([]));
  const entries = document.get(list) as YAMLSeq<{ get(key: string): unknown }>;
  const at = entries.items.findIndex((item) => item.get("name") === value.name);
  const node = document.createNode(value);
  if (at === -1) entries.add(node as never);
  else entries.set(at, node as never);
}

/** Says that the entry is there, in the words of all releases, and what this one has for it. */
export function sayKubeconfig(context: ContextFolder): void {
  say(
    "Success! kubeconfig is set up. You can now run kubectl --context=metropolis ... to access the Kubernetes cluster.",
  );
  const next = `metroctl --context ${context.name} node describe`;
  say(`Kubernetes comes with a later release; this one goes on with: ${next}`);
}
