// `metroctl node logs <id>`: the log tree of one node, by DN.
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { defineCommand } from "citty";
import { formatConcise, formatEntry } from "../../../base/logtree/logtree.ts";
import { Code, NoConnectionError, RpcError } from "../../../base/rpc/rpc.ts";
import {
  LogsRequest_BacklogMode,
  LogsRequest_StreamMode,
  type LogsRequestSchema,
} from "../../../gen/metropolis/proto/api/management_pb.ts";
import { type LogEntry, LogEntrySchema } from "../../../gen/osbase/logtree/proto/logtree_pb.ts";
import { fromLogEntry } from "../../output/log-entry.ts";
import { answer, remark } from "../../output/message.ts";
import { endWithReader } from "../../output/output-guard.ts";
import { printable } from "../../output/printable.ts";
import { UsageError, UserError } from "../../output/user-error.ts";
import { openCluster } from "../../session/cluster.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { endByInterrupt } from "../../session/interrupt.ts";

export default defineCommand({
  meta: { name: "logs", description: "Print the logs of a node" },
  args: {
    ...clusterArgs,
    follow: { type: "boolean", alias: "f", description: "Go on with what is logged from now on" },
    dn: { type: "string", default: "", description: "DN to start at; the whole tree if not given" },
    exact: { type: "boolean", alias: "e", description: "This DN only, nothing below it" },
    concise: { type: "boolean", alias: "c", description: "Short lines" },
    backlog: {
      type: "string",
      default: "-1",
      description: "Past lines: a number, or -1 for all",
      valueHint: "number",
    },
    output: {
      type: "enum",
      alias: "o",
      options: ["table", "json"] as string[],
      default: "table",
      description: "Form",
    },
    node: { type: "positional", required: true, description: "ID of the node" },
  },
  async run({ args }) {
    const request = logsRequest(args);
    const show = args.output === "json" ? asJson : args.concise ? asConcise : asText;
    using cluster = await openCluster(args);
    const node = await cluster.node(args.node);
    if (args.follow === true) {
      endWithReader();
      endByInterrupt();
    }
    const management = await cluster.nodeManagement(node);
    const isText = args.output !== "json";
    if (isText) answer(`=== Logs from ${node.id} (${node.status?.externalAddress}):`);
    let isEmpty = true;
    try {
      for await (const response of management.logs(request)) {
        for (const entry of [...response.backlogEntries, ...response.streamEntries]) {
          isEmpty = false;
          answer(show(entry));
        }
      }
    } catch (error) {
      throw brokenOff(node.id, error);
    }
    if (isText) answer("=== Done.");
    // As a slip of the pen looks: a node cannot know which DNs there will be.
    if (isEmpty && args.dn !== "" && args.backlog !== "0")
      remark(`Nothing is logged ${args.exact === true ? "at" : "at or below"} ${args.dn}`);
  },
});

/** A node that was reached and is gone: no address is wrong, and what it logs next is kept. */
function brokenOff(id: string, error: unknown): unknown {
  const isGone = error instanceof RpcError && error.code === Code.unavailable;
  if (!isGone || error instanceof NoConnectionError) return error;
  return new UserError(
    `node ${id} broke its log off, as when it restarts or is switched off: ${printable(error.message)}. ` +
      `Go on with metroctl node logs when metroctl node describe shows it healthy`,
  );
}

interface LogsArgs {
  readonly dn: string;
  readonly exact?: boolean | undefined;
  readonly follow?: boolean | undefined;
  readonly backlog: string;
}

/** The request that the flags mean. Throws a {@link UsageError} for a backlog that is no number. */
export function logsRequest(args: LogsArgs): MessageInitShape<typeof LogsRequestSchema> {
  if (!/^(-1|\d{1,9})$/.test(args.backlog))
    throw new UsageError(`--backlog=${args.backlog}: give a number of lines, or -1 for all`);
  const count = BigInt(args.backlog);
  const backlog = LogsRequest_BacklogMode;
  const stream = LogsRequest_StreamMode;
  return {
    dn: args.dn,
    filters: args.exact === true ? [] : [{ filter: { case: "withChildren", value: {} } }],
    backlogMode: count < 0n ? backlog.ALL : count === 0n ? backlog.DISABLE : backlog.COUNT,
    backlogCount: count > 0n ? count : 0n,
    streamMode: args.follow === true ? stream.UNBUFFERED : stream.DISABLE,
  };
}

function asText(entry: LogEntry): string {
  return formatEntry(fromLogEntry(entry));
}

function asConcise(entry: LogEntry): string {
  return formatConcise(fromLogEntry(entry), process.stdout.columns);
}

function asJson(entry: LogEntry): string {
  return JSON.stringify(toJson(LogEntrySchema, entry));
}
