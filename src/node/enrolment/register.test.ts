// Tests of who may seal: a machine whose Secure Boot is off must not, whether it founds a cluster
// or joins one.
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  NodeParameters_ClusterBootstrapSchema as BootstrapSchema,
  NodeParameters_ClusterRegisterSchema as RegisterSchema,
} from "../../gen/metropolis/proto/api/configuration_pb.ts";
import {
  ClusterConfiguration_TPMMode as TpmMode,
  NodeTPMUsage as TpmUsage,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import { type Paths, paths } from "../storage/paths.ts";
import { Guard, Purpose, readEnvelope, SealError } from "../storage/sealed.ts";
import { testVault } from "../storage/test-guard.ts";
import type { Surroundings } from "./attempt.ts";
import { bootstrapSteps } from "./bootstrap.ts";
import { registerSteps, requireDemanded, throwUnreached } from "./register.ts";
import { testSurroundings } from "./test-surroundings.ts";

let root: string;
let where: Paths;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "node-register-"));
  where = paths(root);
});
afterEach(() => rmSync(root, { recursive: true }));

/** A machine with a TPM that seals, unless there is a reason not to. */
function machine(refusal?: string): Surroundings {
  const vault = testVault(where.ephemeral.keys, 7, refusal === undefined ? {} : { refusal });
  return testSurroundings(root, { vault });
}

const medium = create(RegisterSchema, {
  caCertificate: Uint8Array.of(1),
  clusterDirectory: {
    nodes: [
      {
        ...{ id: `metropolis-${"1".repeat(32)}`, addresses: [{ host: "192.0.2.1" }] },
        consensusMember: true,
      },
    ],
  },
});

async function keysOf(all: Surroundings): Promise<Guard> {
  await registerSteps(all, medium).keys?.();
  return readEnvelope(readFileSync(where.esp.registration), Purpose.REGISTRATION).guard;
}

test("a machine that registers seals its keys, and nothing while Secure Boot is off", async () => {
  expect(await keysOf(machine("Secure Boot is off"))).toBe(Guard.NONE);
  rmSync(where.ephemeral.root, { recursive: true, force: true });
  expect(await keysOf(machine())).toBe(Guard.TPM);
});

test("requireDemanded ends a registration with a cluster that demands what must not be", () => {
  const refusal = new SealError("Secure Boot is off", "Switch it on");
  const used = { tpmUsage: TpmUsage.NODE_TPM_USAGE_PRESENT_AND_USED };
  expect(() => requireDemanded(used, refusal)).toThrow("demands the TPM: Secure Boot is off");
  requireDemanded(used, undefined);
  requireDemanded({ tpmUsage: TpmUsage.NODE_TPM_USAGE_PRESENT_BUT_UNUSED }, refusal);
});

test("throwUnreached says what helps where no member of the cluster is found, and else nothing new", () => {
  const silence = new RpcError(Code.unavailable, "no leader in time: asked 192.0.2.1:7835");
  const advice = expect.stringContaining("put this machine on a link with one");
  const thrown = (error: unknown) => {
    try {
      return throwUnreached(error);
    } catch (other) {
      return other;
    }
  };
  expect(thrown(silence)).toMatchObject({ message: silence.message, advice });
  const refusal = new RpcError(Code.permissionDenied, "wrong register ticket");
  expect(thrown(refusal)).toBe(refusal);
});

function founding(tpmMode: TpmMode) {
  const value: MessageInitShape<typeof BootstrapSchema> = {
    ownerPublicKey: new Uint8Array(32).fill(9),
    initialClusterConfiguration: { tpmMode },
  };
  return create(BootstrapSchema, value);
}

test.each([TpmMode.TPM_MODE_REQUIRED, TpmMode.TPM_MODE_BEST_EFFORT])(
  "a machine founds no cluster with TPM mode %d while Secure Boot is off, and writes nothing",
  async (mode) => {
    const storage = bootstrapSteps(machine("Secure Boot is off"), founding(mode)).storage?.();
    await expect(storage).rejects.toThrow("Secure Boot is off");
    expect(existsSync(where.data.root)).toBe(false);
  },
);

test("a machine whose cluster uses no TPMs needs no Secure Boot", async () => {
  const all = machine("Secure Boot is off");
  await bootstrapSteps(all, founding(TpmMode.TPM_MODE_DISABLED)).storage?.();
  expect(existsSync(where.data.root)).toBe(true);
});
