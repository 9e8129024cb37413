// A context: everything that metroctl remembers of one cluster, as a folder.
//
//   $XDG_CONFIG_HOME/metroctl/            the context `default`, laid out as the original's
//     owner-key.pem owner.pem ca.pem      the owner's key (0600), certificate, the cluster's CA
//     owner-key.next.pem                  while the owner's key is being replaced (0600)
//     ownership-secret                    from genusb to takeownership: proves the CA
//     recovery-key.txt                    opens backups, and disks that no majority opens (0600)
//     newest-backup.json                  when the newest backup was made that was seen here
//     restored.json                       where a backup was restored from here
//     context.json                        endpoints, members and proxy: no flags are needed
//     current-context                     the name of the context in use, when not `default`
//     contexts/<name>/                    any further cluster, the same files
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { isNodeId } from "../../base/pki/node-id.ts";
import { warn } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
import { isEndpoint, isProxy } from "./endpoint.ts";
import { isMissing, readIfExists } from "./read-file.ts";
import { replaceFile } from "./replace-file.ts";

/** A member of the control plane, as the cluster told of it. */
export interface KnownMember {
  readonly id: string;
  readonly host: string;
}

/** How to reach a cluster. */
export interface Reach {
  /** Host names or addresses of nodes, with or without a port. */
  readonly endpoints: readonly string[];
  /** Members that the cluster told of: whom else to ask, and who may say who leads. */
  readonly members?: readonly KnownMember[];
  /** SOCKS5 proxy, `host:port`. */
  readonly proxy?: string;
  /** The endpoints were named for this command: no others are asked. Never saved. */
  readonly hasEndpoints?: boolean;
}

/** The file names in a context's folder. */
export const contextFiles = {
  ownerKey: "owner-key.pem",
  nextOwnerKey: "owner-key.next.pem",
  ownerCertificate: "owner.pem",
  ca: "ca.pem",
  secret: "ownership-secret",
  recoveryKey: "recovery-key.txt",
  newestBackup: "newest-backup.json",
  restored: "restored.json",
  reach: "context.json",
} as const;

const CURRENT = "current-context";
const DEFAULT = "default";

/** The configuration folder: `--config`, or the XDG one. */
export function configFolder(flag?: string, env = process.env): string {
  if (flag !== undefined && flag !== "") return flag;
  const base = env.XDG_CONFIG_HOME;
  return join(base !== undefined && base !== "" ? base : join(homedir(), ".config"), "metroctl");
}

/** One context on disk. */
export class ContextFolder {
  readonly name: string;
  readonly path: string;

  /** Throws a {@link UserError} when `name` could not be a folder's name. */
  constructor(config: string, name: string) {
    if (!/^[a-z0-9][a-z0-9._-]{0,62}$/i.test(name))
      throw new UserError(`context name ${name}: use up to 63 letters, digits, dots and dashes`);
    this.name = name;
    this.path = name === DEFAULT ? config : join(config, "contexts", name);
  }

  /** Whether there is such a context; the default one always is. */
  get isThere(): boolean {
    return this.name === DEFAULT || existsSync(this.path);
  }

  /** A file's content, or nothing where there is no such file. */
  read(file: string): string | undefined {
    return readIfExists(join(this.path, file));
  }

  /** The same of a file with a secret in it; warns where others can read it. */
  readSecret(file: string): string | undefined {
    const text = this.read(file);
    if (text !== undefined) warnIfOpen(join(this.path, file));
    return text;
  }

  /** Replaces a file atomically; the folder is made when needed. */
  write(file: string, content: string, mode: number): void {
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    replaceFile(join(this.path, file), content, mode);
  }

  /** Forgets one file. */
  remove(file: string): void {
    rmSync(join(this.path, file), { force: true });
  }

  /** How to reach the cluster; no endpoints when nothing was saved. */
  reach(): Reach {
    const text = this.read(contextFiles.reach);
    return text === undefined
      ? { endpoints: [] }
      : parseReach(text, join(this.path, "context.json"));
  }

  /** Remembers how to reach the cluster. */
  saveReach(reach: Reach): void {
    this.write(contextFiles.reach, `${JSON.stringify(reach, null, 2)}\n`, 0o644);
  }
}

/** Of which this process has warned. */
const warned = new Set<string>();

function warnIfOpen(path: string): void {
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) === 0 || warned.has(path)) return;
  warned.add(path);
  warn(
    `others on this machine can read or change ${path} (mode ${mode.toString(8)}): chmod 600 ${path}`,
  );
}

/** The context that the flags, or else the configuration folder, choose. */
export function chosenContext(args: { config?: string | undefined; context?: string | undefined }) {
  const config = configFolder(args.config);
  const name = args.context ?? readIfExists(join(config, CURRENT))?.trim() ?? DEFAULT;
  return new ContextFolder(config, name);
}

/** Makes a context the one in use when `--context` is not given. */
export function useContext(config: string, name: string): void {
  const { path } = new ContextFolder(config, name);
  if (!contextNames(config).includes(name))
    throw new UserError(
      `no context ${name} in ${path}: metroctl context list prints those there are`,
    );
  replaceFile(join(config, CURRENT), `${name}\n`, 0o644);
}

/** Forgets a context and its keys. Does nothing where there is none. */
export function forgetContext(config: string, name: string): void {
  if (name === DEFAULT) throw new UserError("the default context cannot be removed");
  rmSync(new ContextFolder(config, name).path, { recursive: true, force: true });
  if (readIfExists(join(config, CURRENT))?.trim() === name) rmSync(join(config, CURRENT));
}

/** The names of all contexts, sorted. */
export function contextNames(config: string): readonly string[] {
  const main = new ContextFolder(config, DEFAULT);
  const hasMain = Object.values(contextFiles).some((file) => main.read(file) !== undefined);
  return [...(hasMain ? [DEFAULT] : []), ...folders(join(config, "contexts"))].sort();
}

function folders(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function parseReach(text: string, path: string): Reach {
  const { endpoints, members, proxy } = parseJson(text, path);
  if (!isNames(endpoints))
    throw new UserError(`${path}: endpoints must be a list of names: mend or remove it`);
  const wrong = endpoints.find((endpoint) => !isEndpoint(endpoint));
  if (wrong !== undefined)
    throw new UserError(`${path}: endpoint "${wrong}" is no name or address: mend or remove it`);
  if (typeof proxy === "string" && proxy !== "" && !isProxy(proxy))
    throw new UserError(`${path}: proxy "${proxy}" is not host:port: mend or remove it`);
  return {
    endpoints,
    ...(Array.isArray(members) ? { members: members.filter(isMember) } : {}),
    ...(typeof proxy === "string" ? { proxy } : {}),
  };
}

function isMember(value: unknown): value is KnownMember {
  if (typeof value !== "object" || value === null) return false;
  const { id, host }: { id?: unknown; host?: unknown } = value;
  return typeof id === "string" && isNodeId(id) && typeof host === "string";
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}

function parseJson(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch (error) {
    throw new UserError(`${path} is not JSON: mend or remove it`, { cause: error });
  }
  throw new UserError(`${path} holds no object: mend or remove it`);
}
