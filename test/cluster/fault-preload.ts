// Loaded into a node agent before its own code, by BUN_OPTIONS: makes one fault happen,
// once, at an exact point. The product knows nothing of it.
//
//   FAULT={"at": "before"|"after", "method": "RegisterNode", "action": …}   around a call
//   FAULT={"at": "log", "text": "Registering: sealing", "action": …}        at a line of its log
//
//   die    all of the machine's processes end, as when its plug is pulled
//   lose   the answer is lost: the caller sees a broken connection
//   hold   the node stands still until the file `fault-go` is in its folder
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import type { Fault } from "./faults.ts";

const folder = process.argv[process.argv.indexOf("--folder") + 1] ?? "/";
const hit = join(folder, "fault-hit");
const go = join(folder, "fault-go");
const fault: Fault | undefined =
  process.env.FAULT === undefined || existsSync(hit) ? undefined : JSON.parse(process.env.FAULT);

/** Makes it happen, unless it has happened; true if an answer shall be lost. */
function strike({ action }: Fault): boolean {
  if (existsSync(hit)) return false;
  writeFileSync(hit, "");
  if (action === "die") process.kill(process.pid, "SIGKILL");
  // All of this process stands still, as a paused machine does.
  if (action === "hold") while (!existsSync(go)) Bun.sleepSync(20);
  return action === "lose";
}

function strikeLog(fault: Fault & { readonly at: "log" }): void {
  const add = LogTree.prototype.add;
  LogTree.prototype.add = function (entry) {
    add.call(this, entry);
    const text = entry.kind === "leveled" ? entry.messages.join("\n") : entry.text;
    if (text.includes(fault.text)) strike(fault);
  };
}

type Call = ReturnType<grpc.ChannelInterface["createCall"]>;
type Listener = Parameters<Call["start"]>[1];

function strikeCall(fault: Fault & { readonly at: "before" | "after" }): void {
  const createCall = grpc.Channel.prototype.createCall;
  grpc.Channel.prototype.createCall = function (path, ...rest) {
    const isMeant = path.endsWith(`/${fault.method}`);
    if (isMeant && fault.at === "before") strike(fault);
    const call = createCall.call(this, path, ...rest);
    if (!isMeant || fault.at === "before") return call;
    const start = call.start.bind(call);
    call.start = (metadata, listener) => start(metadata, losing(fault, listener));
    return call;
  };
}

/** Hears the answer before its caller does. */
function losing(fault: Fault, listener: Listener): Listener {
  let isLost = false;
  return {
    onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
    onReceiveMessage: (message) => {
      if (message !== null && strike(fault)) isLost = true;
      else listener.onReceiveMessage(message);
    },
    onReceiveStatus: (status) =>
      listener.onReceiveStatus(
        isLost ? { ...status, code: grpc.status.UNAVAILABLE, details: "lost by a test" } : status,
      ),
  };
}

if (fault?.at === "log") strikeLog(fault);
else if (fault !== undefined) strikeCall(fault);
