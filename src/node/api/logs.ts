// NodeManagement.Logs: the log tree of this node, past and present.
import { DnError, type LogTree, ReadError, type ReadOptions } from "../../base/logtree/logtree.ts";
import { Code, type Handler, RpcError } from "../../base/rpc/rpc.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  type LogsRequest,
  type NodeManagement,
  LogsRequest_StreamMode as StreamMode,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { LeveledLogSeverity } from "../../gen/osbase/logtree/proto/logtree_pb.ts";
import { toLogEntry } from "./log-entry.ts";

const MAX_FILTERS = 10;
/** Entries in one message: 2,000 lines of 1 KiB stay below the default limit of clients. */
const CHUNK_ENTRIES = 2_000;

/** Sends the backlog in chunks, then what comes, for as long as the caller listens. */
export function logs(tree: LogTree): Handler<typeof NodeManagement.method.logs> {
  return async function* (request, { signal }) {
    const options = readOptions(request);
    const { backlog, stream } = open(tree, options);
    const close = () => stream.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      for (let at = 0; at < backlog.length; at += CHUNK_ENTRIES) {
        yield { backlogEntries: backlog.slice(at, at + CHUNK_ENTRIES).map(toLogEntry) };
      }
      if (options.stream !== true) return;
      for await (const entry of stream) yield { streamEntries: [toLogEntry(entry)] };
    } finally {
      signal.removeEventListener("abort", close);
      close();
    }
  };
}

function open(tree: LogTree, options: ReadOptions) {
  try {
    return tree.read(options);
  } catch (error) {
    if (!(error instanceof DnError || error instanceof ReadError)) throw error;
    throw new RpcError(Code.invalidArgument, error.message, { cause: error });
  }
}

/** The reading that a request asks for. Throws invalidArgument for one that makes no sense. */
export function readOptions(request: LogsRequest): ReadOptions {
  const { dn, filters, streamMode } = request;
  if (filters.length > MAX_FILTERS) {
    throw new RpcError(
      Code.invalidArgument,
      `${filters.length} filters, want ${MAX_FILTERS} at most`,
    );
  }
  const parts = filters.map(({ filter }) => filterOption(filter));
  return {
    dn,
    backlog: backlogOf(request),
    stream: streamMode === StreamMode.UNBUFFERED,
    ...Object.assign({}, ...parts),
  };
}

function backlogOf({ backlogMode, backlogCount }: LogsRequest): number | "all" {
  switch (backlogMode) {
    case BacklogMode.DISABLE:
      return 0;
    case BacklogMode.ALL:
      return "all";
    case BacklogMode.COUNT:
      if (backlogCount > 0n) return Number(backlogCount);
      throw new RpcError(Code.invalidArgument, `backlog_count is ${backlogCount}, want 1 or more`);
    default:
      throw new RpcError(Code.invalidArgument, "backlog_mode must be given");
  }
}

function filterOption(filter: LogsRequest["filters"][number]["filter"]): Partial<ReadOptions> {
  switch (filter.case) {
    case "withChildren":
      return { withChildren: true };
    case "onlyRaw":
      return { onlyRaw: true };
    case "onlyLeveled":
      return { onlyLeveled: true };
    case "leveledWithMinimumSeverity":
      return { minimumSeverity: severityOf(filter.value.minimum) };
    default:
      throw new RpcError(Code.invalidArgument, "a filter says nothing, or something unknown");
  }
}

function severityOf(minimum: LeveledLogSeverity) {
  switch (minimum) {
    case LeveledLogSeverity.INFO:
      return "info" as const;
    case LeveledLogSeverity.WARNING:
      return "warning" as const;
    case LeveledLogSeverity.ERROR:
      return "error" as const;
    case LeveledLogSeverity.FATAL:
      return "fatal" as const;
    default:
      throw new RpcError(Code.invalidArgument, `unknown severity ${minimum}`);
  }
}
