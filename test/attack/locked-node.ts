// A locked node as a process: what it serves on port 7847, and nothing else of it. Told by a
// line on stdin which port to serve; says when it does, and ends with its stdin.
import { createInterface } from "node:readline";
import { LogTree } from "../../src/base/logtree/logtree.ts";
import { Supervisor } from "../../src/base/supervisor/supervisor.ts";
import { recovery } from "../../src/node/recovery/recovery.ts";
import { testMeeting, testMembers } from "../../src/node/recovery/test-member.ts";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const port = Number((await lines.next()).value);
const [member] = await testMembers(3, 2);
if (member === undefined) throw new Error("no member");
const service = recovery(testMeeting(member.lock), { host: "127.0.0.1", port });
new Supervisor(service, { tree: new LogTree() }).start();
process.stdout.write("serving\n");
for await (const _ of lines) break;
process.exit(0);
