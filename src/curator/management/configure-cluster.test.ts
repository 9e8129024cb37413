// Tests of changing the configuration.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, testCall } from "../../base/rpc/rpc.ts";
import { ConfigureClusterRequestSchema } from "../../gen/metropolis/proto/api/management_pb.ts";
import { ClusterConfiguration_RecoveryPolicy } from "../../gen/metropolis/proto/common/common_pb.ts";
import { loadConfiguration } from "../state/configuration.ts";
import type { Leader } from "../state/leader.ts";
import { testLeader } from "../state/test-leader.ts";
import { configureCluster } from "./configure-cluster.ts";

type Request = MessageInitShape<typeof ConfigureClusterRequestSchema>;

const PATH = "kubernetes.node_labels_to_synchronize";
const updateMask = { paths: [PATH] };

/** A configuration that synchronizes labels by these expressions. */
function labels(...regexps: string[]) {
  return { kubernetes: { nodeLabelsToSynchronize: regexps.map((regexp) => ({ regexp })) } };
}

function configure(leader: Leader, request: Request) {
  return configureCluster(leader)(create(ConfigureClusterRequestSchema, request), testCall());
}

async function current(leader: Leader): Promise<string> {
  const { kubernetes } = await loadConfiguration(leader.store);
  return (kubernetes?.nodeLabelsToSynchronize ?? []).map(({ regexp }) => regexp).join();
}

test("configureCluster changes the masked field and shows the result", async () => {
  await using leader = await testLeader();
  const newConfig = { ...labels("^a/", "^b/"), clusterDomain: "ignored.internal" };
  const { resultingConfig } = await configure(leader, { newConfig, updateMask });
  expect(resultingConfig?.clusterDomain).toBe("cluster.internal");
  expect(resultingConfig?.kubernetes?.nodeLabelsToSynchronize).toHaveLength(2);
  expect(await current(leader)).toBe("^a/,^b/");
});

test("configureCluster with an empty mask changes nothing", async () => {
  await using leader = await testLeader();
  await configure(leader, { newConfig: labels("a"), updateMask });
  const { resultingConfig } = await configure(leader, {
    newConfig: labels("b"),
    updateMask: { paths: [] },
  });
  expect(resultingConfig?.kubernetes?.nodeLabelsToSynchronize?.[0]?.regexp).toBe("a");
});

test("configureCluster takes a path twice, and an empty list", async () => {
  await using leader = await testLeader();
  const twice = { paths: [PATH, PATH] };
  await configure(leader, { newConfig: labels("a"), updateMask: twice });
  await configure(leader, { newConfig: labels(), updateMask });
  expect(await current(leader)).toBe("");
});

test("configureCluster changes what is as the caller saw it, and nothing else", async () => {
  await using leader = await testLeader();
  await configure(leader, { newConfig: labels("a"), baseConfig: labels(), updateMask });
  const late = configure(leader, { newConfig: labels("b"), baseConfig: labels(), updateMask });
  await expect(late).rejects.toMatchObject({ code: Code.failedPrecondition });
  expect(await current(leader)).toBe("a");
});

test.each<[string, Request]>([
  ["nothing", {}],
  ["no mask", { newConfig: labels("a") }],
  ["no configuration", { updateMask }],
  ["an unknown field", { newConfig: labels("a"), updateMask: { paths: ["colour"] } }],
  ["the whole of kubernetes", { newConfig: labels("a"), updateMask: { paths: ["kubernetes"] } }],
  ["the domain", { newConfig: labels("a"), updateMask: { paths: [PATH, "cluster_domain"] } }],
  ["a configuration without the part", { newConfig: {}, updateMask }],
  ["a base without the part", { newConfig: labels("a"), baseConfig: {}, updateMask }],
])("configureCluster refuses %s", async (_, request) => {
  await using leader = await testLeader();
  await expect(configure(leader, request)).rejects.toMatchObject({ code: Code.invalidArgument });
  expect(await current(leader)).toBe("");
});

const POLICY = "recovery_policy";
const { AUTOMATIC, OPERATOR } = ClusterConfiguration_RecoveryPolicy;

/** A request for a recovery policy. */
function policy(recoveryPolicy: number, base?: number): Request {
  return {
    newConfig: { recoveryPolicy },
    ...(base === undefined ? {} : { baseConfig: { recoveryPolicy: base } }),
    updateMask: { paths: [POLICY] },
  };
}

test("configureCluster changes the recovery policy where an operator has the key", async () => {
  await using leader = await testLeader();
  await leader.recovery.change((record) => ({ ...record, operatorPublicKey: new Uint8Array(32) }));
  await configure(leader, { newConfig: labels("a"), updateMask });
  const { resultingConfig } = await configure(leader, policy(OPERATOR, AUTOMATIC));
  expect(resultingConfig?.recoveryPolicy).toBe(OPERATOR);
  expect((await loadConfiguration(leader.store)).recoveryPolicy).toBe(OPERATOR);
  // The other field is as it was.
  expect(await current(leader)).toBe("a");
  const late = configure(leader, policy(AUTOMATIC, AUTOMATIC));
  await expect(late).rejects.toThrow("recovery_policy was changed meanwhile");
  await configure(leader, policy(AUTOMATIC));
});

test("configureCluster lets no cluster wait for a key that nobody has", async () => {
  await using leader = await testLeader();
  const change = configure(leader, policy(OPERATOR));
  await expect(change).rejects.toMatchObject({ code: Code.failedPrecondition });
  await configure(leader, policy(AUTOMATIC));
  expect((await loadConfiguration(leader.store)).recoveryPolicy).toBe(AUTOMATIC);
});

test.each([
  ["no policy", policy(0)],
  ["an unknown one", policy(7)],
  ["a base without one", policy(AUTOMATIC, 0)],
  ["what every object has", { newConfig: {}, updateMask: { paths: ["constructor"] } }],
])("configureCluster refuses %s", async (_, request) => {
  await using leader = await testLeader();
  await expect(configure(leader, request)).rejects.toMatchObject({ code: Code.invalidArgument });
});
