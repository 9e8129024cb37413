// How commands reach a running keeper: one JSON request and one JSON reply, a
// line each, per connection to its unix socket. The socket's folder is private to
// the user, so whoever can connect may command.
import { rmSync } from "node:fs";
import { createConnection, createServer, type Socket } from "node:net";
import type { MachineStatus } from "./hardware.ts";
import { LauncherError } from "./launcher-error.ts";
import type { PowerOnOptions } from "./qemu.ts";

/** What a keeper can be asked to do. */
export type Request =
  | { readonly operation: "status" }
  | { readonly operation: "stop" }
  /** What the time server of the network says; absent: it is silent. */
  | { readonly operation: "time"; readonly aheadMs?: number }
  | ({ readonly operation: "powerOn"; readonly machine: number } & PowerOnOptions)
  | { readonly operation: "saveMemory"; readonly machine: number; readonly file: string }
  | {
      readonly operation:
        | "kill"
        | "powerOff"
        | "reset"
        | "detachMedium"
        | "plug"
        | "unplug"
        | "pause"
        | "resume";
      readonly machine: number;
    };

/** What it answers: the machines after the operation, or why there is nothing to say. */
export type Reply = { readonly machines: readonly MachineStatus[] } | { readonly error: string };

/** A keeper's listener. */
export interface ControlServer {
  close(): void;
}

/** Answers requests at `path` with `handle`; its errors become the reply. */
export async function serveControl(
  path: string,
  handle: (request: Request) => Promise<readonly MachineStatus[]>,
): Promise<ControlServer> {
  const server = createServer((socket) => {
    // The caller may hang up before its answer; then nobody is left to tell.
    socket.on("error", () => socket.destroy());
    void firstLine(socket)
      .then((line) => answer(line, handle))
      .then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return { close: () => server.close() };
}

async function answer(
  line: string,
  handle: (request: Request) => Promise<readonly MachineStatus[]>,
): Promise<Reply> {
  try {
    return { machines: await handle(parseRequest(line)) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Sends one request. Throws LauncherError with the keeper's reason, or when nobody listens. */
export async function sendControl(
  path: string,
  request: Request,
): Promise<readonly MachineStatus[]> {
  const socket = createConnection({ path });
  socket.write(`${JSON.stringify(request)}\n`);
  const reply = parseReply(await firstLine(socket));
  socket.destroy();
  if ("error" in reply) throw new LauncherError(reply.error);
  return reply.machines;
}

/** The first line, or what came before the other side ended; "" when it never came up. */
function firstLine(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk) => {
    text += String(chunk);
    const end = text.indexOf("\n");
    if (end >= 0) resolve(text.slice(0, end));
  });
  socket.on("error", () => resolve(""));
  socket.on("close", () => resolve(text));
  return promise;
}

const machineOperations = [
  "powerOn",
  "kill",
  "powerOff",
  "reset",
  "detachMedium",
  "saveMemory",
  "plug",
  "unplug",
  "pause",
  "resume",
];

function parseRequest(line: string): Request {
  const value: unknown = line === "" ? undefined : JSON.parse(line);
  if (isRequest(value)) return value;
  throw new LauncherError(`unknown request ${line.slice(0, 80)}`);
}

function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null || !("operation" in value)) return false;
  const { operation } = value;
  if (operation === "status" || operation === "stop" || operation === "time") return true;
  const isKnown = typeof operation === "string" && machineOperations.includes(operation);
  return isKnown && "machine" in value && typeof value.machine === "number";
}

function parseReply(line: string): Reply {
  const value: unknown = line === "" ? undefined : JSON.parse(line);
  if (isReply(value)) return value;
  throw new LauncherError("ask the keeper of the cluster: it is not running");
}

function isReply(value: unknown): value is Reply {
  return typeof value === "object" && value !== null && ("machines" in value || "error" in value);
}
