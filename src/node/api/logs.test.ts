// NodeManagement.Logs over a real log tree.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { LogTree } from "../../base/logtree/logtree.ts";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import {
  LogsRequest_BacklogMode as BacklogMode,
  LogsRequestSchema,
  type LogsResponse,
  LogsRequest_StreamMode as StreamMode,
} from "../../gen/metropolis/proto/api/management_pb.ts";
import { LeveledLogSeverity } from "../../gen/osbase/logtree/proto/logtree_pb.ts";
import { logs } from "./logs.ts";

type Request = MessageInitShape<typeof LogsRequestSchema>;

const everything: Request = {
  dn: "",
  filters: [{ filter: { case: "withChildren", value: {} } }],
  backlogMode: BacklogMode.ALL,
  streamMode: StreamMode.DISABLE,
};

function treeWith(count: number): LogTree {
  const tree = new LogTree();
  const log = tree.logger("root.a");
  for (let at = 0; at < count; at++) log.info(`line ${at}`);
  tree.logger("root.b").error("trouble");
  tree.raw("root.c").write("raw line\n");
  return tree;
}

function ask(tree: LogTree, request: Request, signal = new AbortController().signal) {
  return logs(tree)(create(LogsRequestSchema, request), testCall({ signal }));
}

async function texts(tree: LogTree, request: Request): Promise<readonly string[]> {
  const responses = (await Array.fromAsync(ask(tree, request))) as LogsResponse[];
  return responses.flatMap(({ backlogEntries }) =>
    backlogEntries.map(({ kind }) =>
      kind.case === "leveled" ? kind.value.lines.join("|") : (kind.value?.data ?? ""),
    ),
  );
}

test("logs sends the whole tree in order", async () => {
  expect(await texts(treeWith(2), everything)).toEqual(["line 0", "line 1", "trouble", "raw line"]);
});

test("logs sends chunks of 2,000 entries", async () => {
  const responses = (await Array.fromAsync(ask(treeWith(4_500), everything))) as LogsResponse[];
  expect(responses.map(({ backlogEntries }) => backlogEntries.length)).toEqual([2_000, 2_000, 502]);
});

test("logs sends nothing for a DN that nobody uses", async () => {
  expect(await texts(treeWith(1), { ...everything, dn: "root.nowhere" })).toEqual([]);
});

test("logs counts back from the end", async () => {
  const request = { ...everything, backlogMode: BacklogMode.COUNT, backlogCount: 2n };
  expect(await texts(treeWith(3), request)).toEqual(["trouble", "raw line"]);
});

test("logs filters by severity and kind", async () => {
  const minimum = LeveledLogSeverity.ERROR;
  const severe = { filter: { case: "leveledWithMinimumSeverity", value: { minimum } } } as const;
  const raw = { filter: { case: "onlyRaw", value: {} } } as const;
  const filters = everything.filters ?? [];
  expect(await texts(treeWith(3), { ...everything, filters: [...filters, severe] })).toEqual([
    "trouble",
  ]);
  expect(await texts(treeWith(3), { ...everything, filters: [...filters, raw] })).toEqual([
    "raw line",
  ]);
});

test("logs streams what passes the filters until the caller goes", async () => {
  const tree = treeWith(0);
  const done = new AbortController();
  const request = {
    ...everything,
    dn: "root.a",
    backlogMode: BacklogMode.DISABLE,
    streamMode: StreamMode.UNBUFFERED,
  };
  const stream = ask(tree, request, done.signal)[Symbol.asyncIterator]();
  const first = stream.next();
  tree.logger("root.b").info("elsewhere");
  tree.logger("root.a.deep").info("here");
  const { value } = await first;
  expect((value as LogsResponse).streamEntries.map(({ dn }) => dn)).toEqual(["root.a.deep"]);
  const next = stream.next();
  done.abort();
  expect((await next).done).toBe(true);
});

const filter = { filter: { case: "withChildren", value: {} } } as const;

test.each<[string, Request]>([
  ["no backlog mode", { ...everything, backlogMode: BacklogMode.INVALID }],
  ["an unknown backlog mode", { ...everything, backlogMode: 99 as BacklogMode }],
  ["a count of 0", { ...everything, backlogMode: BacklogMode.COUNT, backlogCount: 0n }],
  ["a negative count", { ...everything, backlogMode: BacklogMode.COUNT, backlogCount: -1n }],
  ["eleven filters", { ...everything, filters: Array(11).fill(filter) }],
  ["a DN with an empty part", { ...everything, dn: "root..a" }],
  [
    "raw and leveled",
    {
      ...everything,
      filters: [
        { filter: { case: "onlyRaw", value: {} } },
        { filter: { case: "onlyLeveled", value: {} } },
      ],
    },
  ],
  [
    "severity 0",
    {
      ...everything,
      filters: [{ filter: { case: "leveledWithMinimumSeverity", value: { minimum: 0 } } }],
    },
  ],
  ["an empty filter", { ...everything, filters: [{}] }],
])("logs refuses %s", async (_, request) => {
  await expect(Array.fromAsync(ask(treeWith(1), request))).rejects.toMatchObject({
    code: Code.invalidArgument,
  });
});
