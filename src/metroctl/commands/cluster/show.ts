// `metroctl cluster show`: the cluster as a whole: its CA, how it is configured,
// how full its database is, and where it is found.
import { toJson } from "@bufbuild/protobuf";
import { defineCommand } from "citty";
import { formatSize } from "../../../base/format/size.ts";
import { fingerprint } from "../../../base/pki/verify.ts";
import {
  type Database,
  type GetClusterInfoResponse,
  GetClusterInfoResponseSchema,
  type Node,
  Database_State as State,
} from "../../../gen/metropolis/proto/api/management_pb.ts";
import {
  ClusterConfiguration_StorageSecurityPolicy as StorageSecurityPolicy,
  ClusterConfiguration_TPMMode as TpmMode,
} from "../../../gen/metropolis/proto/common/common_pb.ts";
import { type OutputArgs, outputArgs, print } from "../../output/print.ts";
import { type Cluster, openCluster } from "../../session/cluster.ts";
import { type ClusterArgs, clusterArgs } from "../../session/cluster-args.ts";
import { policyWord } from "../../session/cluster-fields.ts";
import { orMembers } from "../../session/leaderless.ts";

export default defineCommand({
  meta: { name: "show", description: "Show the cluster as a whole" },
  args: { ...clusterArgs, ...outputArgs },
  run: ({ args }) => orMembers(args, () => show(args)),
});

async function show(args: ClusterArgs & OutputArgs): Promise<void> {
  using cluster = await openCluster(args);
  const info = await cluster.management.getClusterInfo({});
  const leader = await leaderOf(cluster);
  const nodes = await cluster.nodes();
  const record = toJson(GetClusterInfoResponseSchema, info);
  await print(
    args,
    [...rows(cluster, info, leader), ...troubles(nodes)],
    [{ ...Object(record), leaderNodeId: leader }],
  );
}

/** The ID of the leader, which is whoever answers. */
async function leaderOf({ local }: Cluster): Promise<string> {
  for await (const { leaderNodeId } of local.getCurrentLeader({}, { timeoutMs: 30_000 }))
    return leaderNodeId;
  return "unknown";
}

/** One fact a row: a cluster is a single thing, and too wide for one line. */
function rows({ ca }: Cluster, info: GetClusterInfoResponse, leader: string) {
  const { clusterConfiguration, clusterDirectory, database } = info;
  const { clusterDomain, tpmMode, storageSecurityPolicy, recoveryPolicy, kubernetes } =
    clusterConfiguration ?? {};
  const labels = kubernetes?.nodeLabelsToSynchronize ?? [];
  const nodes = clusterDirectory?.nodes ?? [];
  const facts: readonly (readonly [string, string])[] = [
    ["CA", fingerprint(ca)],
    ["leader", leader],
    ["domain", clusterDomain ?? ""],
    ["TPM mode", word(TpmMode[tpmMode ?? 0])],
    ["storage security", word(StorageSecurityPolicy[storageSecurityPolicy ?? 0])],
    ["recovery policy", policyWord(recoveryPolicy ?? 0)],
    ["labels to Kubernetes", labels.map(({ regexp }) => JSON.stringify(regexp)).join(", ")],
    ["database", database === undefined ? "unknown" : databaseText(database)],
    ...nodes.map(({ id, addresses }) => {
      const hosts = addresses.map(({ host }) => host).join(", ");
      return ["node", `${id} ${hosts || "unknown"}`] as const;
    }),
  ];
  return facts.map(([name, value]) => ({ name, value }));
}

/** What nodes say that is wrong with them. */
function troubles(nodes: readonly Node[]) {
  return nodes.flatMap(({ id, status }) =>
    (status?.troubles ?? []).map((text) => ({ name: "trouble", value: `${id} ${text}` })),
  );
}

/** How full the database is, and what follows from that. */
function databaseText(database: Database): string {
  const { usedBytes, fileBytes, quotaBytes, fullBytes, state, alarmNodeIds } = database;
  const size = (bytes: bigint) => formatSize(Number(bytes));
  const sizes = `${size(usedBytes)} in use, full at ${size(fullBytes)}`;
  const file = `file ${size(fileBytes)} of ${size(quotaBytes)}`;
  switch (state) {
    case State.ALARM:
      return `${sizes}; ${file}; ALARM: out of space at ${alarmNodeIds.join(", ")}`;
    case State.FULL:
      return `${sizes}; ${file}; FULL: what makes it larger is refused`;
    default:
      return `${sizes}; ${file}`;
  }
}

/** A value of an enumeration as the flags of `install` write it. */
function word(name: string | undefined): string {
  return (name ?? "unknown").replace("TPM_MODE_", "").toLowerCase().replaceAll("_", "-");
}
