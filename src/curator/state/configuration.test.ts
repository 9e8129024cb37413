// The cluster's configuration: what is filled in, kept and refused.
import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  ClusterConfigurationSchema,
  ClusterConfiguration_StorageSecurityPolicy as Policy,
  ClusterConfiguration_TPMMode as TpmMode,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import {
  checkConfiguration,
  configurationWrite,
  loadConfiguration,
  withDefaults,
} from "./configuration.ts";
import { keys } from "./keys.ts";
import { testLeader } from "./test-leader.ts";

type Init = MessageInitShape<typeof ClusterConfigurationSchema>;
const make = (init: Init = {}) => create(ClusterConfigurationSchema, init);

test("withDefaults is as strict as can be where nothing was said", () => {
  expect(withDefaults(undefined)).toMatchObject({
    clusterDomain: "cluster.internal",
    tpmMode: TpmMode.TPM_MODE_REQUIRED,
    storageSecurityPolicy: Policy.NEEDS_ENCRYPTION_AND_AUTHENTICATION,
  });
});

test("withDefaults keeps what was said, and leaves its argument alone", () => {
  const given = make({ tpmMode: TpmMode.TPM_MODE_DISABLED });
  expect(withDefaults(given).tpmMode).toBe(TpmMode.TPM_MODE_DISABLED);
  expect(given).toEqual(make({ tpmMode: TpmMode.TPM_MODE_DISABLED }));
});

test("loadConfiguration gives back what was written, defaults in the gaps", async () => {
  await using leader = await testLeader();
  const saved = make({ clusterDomain: "example.org" });
  await leader.store.commit([configurationWrite(saved)]);
  expect(await loadConfiguration(leader.store)).toEqual(withDefaults(saved));
});

test("loadConfiguration fails on what is no configuration, and makes up none", async () => {
  await using leader = await testLeader();
  await leader.raw.put(keys.configuration, new Uint8Array([0xff, 0xff]));
  await expect(loadConfiguration(leader.store)).rejects.toThrow();
});

test.each<[string, object]>([
  ["an unknown TPM mode", { tpmMode: 99 }],
  ["an unknown policy", { storageSecurityPolicy: 99 }],
  ["no domain", { clusterDomain: "" }],
  ["a domain in capitals", { clusterDomain: "Cluster.Internal" }],
  ["an IPv4 address as domain", { clusterDomain: "10.0.0.1" }],
  ["a domain with a dot at its end", { clusterDomain: "cluster.internal." }],
  ["a domain of 81 characters", { clusterDomain: `${"a".repeat(40)}.${"b".repeat(40)}` }],
  ["a domain with a line end", { clusterDomain: "cluster.internal\n" }],
])("checkConfiguration refuses %s", (_, init) => {
  const configuration = Object.assign(withDefaults(make()), init);
  let failure: unknown;
  try {
    checkConfiguration(configuration);
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(RpcError);
  expect(failure).toMatchObject({ code: Code.invalidArgument });
});

test("checkConfiguration lets every mode and policy pass", () => {
  for (const tpmMode of [1, 2, 3])
    for (const storageSecurityPolicy of [1, 2, 3, 4])
      checkConfiguration(withDefaults(make({ tpmMode, storageSecurityPolicy })));
});
