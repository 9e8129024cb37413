// What `node list` and `node describe` share: which nodes, in which form, once
// or with `--watch` for as long as somebody looks.
import { create } from "@bufbuild/protobuf";
import { NodeSchema } from "../../../gen/metropolis/proto/api/management_pb.ts";
import { errorLine } from "../../output/error-line.ts";
import { answer, say } from "../../output/message.ts";
import { nodeColumns, nodeRecord, nodeRow } from "../../output/node-row.ts";
import { endWithReader } from "../../output/output-guard.ts";
import { chosenColumns, type OutputArgs, outputArgs, print } from "../../output/print.ts";
import { printable, printableJson } from "../../output/printable.ts";
import { GrowingTable, type Row } from "../../output/table.ts";
import { type Cluster, openCluster } from "../../session/cluster.ts";
import { type ClusterArgs, clusterArgs } from "../../session/cluster-args.ts";
import { interrupt } from "../../session/interrupt.ts";
import { filterArgs, selectNodes } from "../../session/node-selection.ts";
import { type NodeChange, watchNodes } from "../../session/watch-nodes.ts";

/** Flags of commands that show nodes. */
export const showArgs = {
  ...clusterArgs,
  ...outputArgs,
  watch: { type: "boolean", alias: "w", description: "Go on, and show each change" },
  ...filterArgs,
} as const;

/** What {@link showArgs} parse to. */
export interface ShowArgs extends ClusterArgs, OutputArgs {
  readonly watch?: boolean | undefined;
  readonly filter?: string | undefined;
  /** IDs. */
  readonly _: readonly string[];
}

/** Shows nodes as the flags say; as bare IDs where there is no table to show. */
export async function showNodes(args: ShowArgs, form: "table" | "ids"): Promise<void> {
  using cluster = await openCluster(args);
  const isTable = form === "table" || (args.columns ?? "") !== "";
  // Awaited here, or the cluster would be closed at once.
  if (args.watch === true) return await follow(cluster, args, changePrinter(args, isTable));
  const nodes = await selectNodes(cluster, args._, args.filter);
  if (isTable || args.output !== "table")
    return print(args, nodes.map(nodeRow), nodes.map(nodeRecord), nodeColumns);
  for (const { id } of nodes) answer(printable(id));
}

async function follow(
  cluster: Cluster,
  args: ShowArgs,
  show: (changes: readonly NodeChange[]) => Promise<void> | void,
): Promise<void> {
  using interrupted = interrupt();
  endWithReader();
  let isSilent = false;
  let hasSeenAll = false;
  const watch = watchNodes({
    look: () => selectNodes(cluster, args._, args.filter, { mayMiss: hasSeenAll }),
    news: (signal) =>
      cluster.curator.watch({ kind: { case: "nodesInCluster", value: {} } }, { signal }),
    onTrouble: (error) => {
      if (isSilent === (error !== undefined)) return;
      isSilent = error !== undefined;
      say(
        error === undefined
          ? "The cluster answers again."
          : `Waiting for the cluster: ${errorLine(error)}`,
      );
    },
    signal: interrupted.signal,
  });
  for await (const changes of watch) {
    hasSeenAll = true;
    await show(changes);
  }
}

/** How changes are printed in the form that was asked for. */
function changePrinter(args: ShowArgs, isTable: boolean) {
  switch (args.output) {
    case "json":
      return (changes: readonly NodeChange[]) => {
        for (const change of changes) answer(printableJson(record(change)));
      };
    case "yaml":
      return async (changes: readonly NodeChange[]) => {
        const { stringify } = await import("yaml");
        for (const change of changes) answer(`---\n${stringify(record(change))}`);
      };
    default:
      return isTable ? tablePrinter(args) : idPrinter;
  }
}

function record({ event, node }: NodeChange) {
  return { event, node: nodeRecord(node) };
}

/** IDs that are there as without `--watch`; what becomes of them later behind them. */
function idPrinter(changes: readonly NodeChange[]): void {
  for (const { event, node } of changes)
    answer(printable(event === "added" ? node.id : `${node.id} ${event}`));
}

function tablePrinter(args: ShowArgs) {
  const known = nodeRow(create(NodeSchema));
  const table = new GrowingTable(chosenColumns(args, nodeColumns, [known]));
  return (changes: readonly NodeChange[]) => answer(table.render(changes.map(changedRow)));
}

/** A node that is gone has its state only. */
function changedRow({ event, node }: NodeChange): Row {
  return event === "removed" ? { "node id": node.id, state: "REMOVED" } : nodeRow(node);
}
