// What a medium tells the node it installs: to make a new cluster for our
// owner key, or to register with one that is there.
import { randomBytes } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { NodeParametersSchema } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import type { ClusterConfigurationSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { UserError } from "../output/user-error.ts";
import { backupCa } from "./backup-file.ts";
import { openCluster } from "./cluster.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { type ContextFolder, chosenContext, contextFiles } from "./context.ts";
import type { Label } from "./label-words.ts";
import { ensureOwnerKey } from "./owner.ts";
import { ensureRecoveryKey, recoveryKey } from "./recovery-key.ts";

const SECRET_BYTES = 32;

type Configuration = MessageInitShape<typeof ClusterConfigurationSchema>;

/**
 * Parameters for the first node of a new cluster, serialized. The context gets
 * the owner's key, the ownership secret and the operator's recovery key.
 *
 * Throws a {@link UserError} when the context already owns a cluster, as its
 * files would be lost to the new one.
 */
export async function bootstrapParameters(
  args: ClusterArgs,
  configuration: Configuration,
  labels: readonly Label[] = [],
): Promise<Uint8Array> {
  const context = chosenContext(args);
  if (context.read(contextFiles.ownerCertificate) !== undefined)
    throw new UserError(
      `context ${context.name} already owns a cluster: name another with --context=<name>`,
    );
  return serialize({
    case: "clusterBootstrap",
    value: {
      ownerPublicKey: ensureOwnerKey(context).publicKey,
      initialClusterConfiguration: configuration,
      ownershipSecret: ensureSecret(context),
      operatorRecoveryKey: ensureRecoveryKey(context).publicKey,
      labels: { pairs: [...labels] },
    },
  });
}

/**
 * Parameters for a machine that waits for `metroctl cluster restore`, serialized.
 * The cluster in the backup keeps its owner, and its keys stay as they are.
 *
 * Throws a {@link UserError} when the context cannot open a backup, or not judge one.
 */
export function restoreParameters(args: ClusterArgs, configuration: Configuration): Uint8Array {
  const context = chosenContext(args);
  const { publicKey } = recoveryKey(context);
  const restoreCaFingerprint = Buffer.from(backupCa(context).replace(/^SHA256:/, ""), "hex");
  return serialize({
    case: "clusterBootstrap",
    value: {
      ownerPublicKey: ensureOwnerKey(context).publicKey,
      initialClusterConfiguration: configuration,
      operatorRecoveryKey: publicKey,
      // By it the machine proves that it was made from this medium: it is sent all secrets.
      ownershipSecret: ensureSecret(context),
      restore: true,
      restoreCaFingerprint,
    },
  });
}

/** The secret that goes to the medium and back: the same for every medium of one context. */
function ensureSecret(context: ContextFolder): Uint8Array {
  const saved = context.readSecret(contextFiles.secret)?.trim();
  if (saved !== undefined) return Buffer.from(saved, "hex");
  const made = randomBytes(SECRET_BYTES);
  context.write(contextFiles.secret, `${made.toString("hex")}\n`, 0o600);
  return made;
}

/**
 * Parameters for a further node, serialized: ticket, directory and CA, asked of
 * the running cluster.
 *
 * Throws a {@link UserError} when no node of the cluster has told its address yet.
 */
export async function registerParameters(
  args: ClusterArgs,
  labels: readonly Label[] = [],
): Promise<Uint8Array> {
  using cluster = await openCluster(args);
  const { clusterDirectory } = await cluster.management.getClusterInfo({});
  // A machine asks members alone, and could never ask one whose address it does not know.
  const nodes = (clusterDirectory?.nodes ?? []).filter(
    ({ addresses, consensusMember }) => addresses.length > 0 && consensusMember,
  );
  if (nodes.length === 0)
    throw new UserError("no member of the cluster has told its address yet: try again in a moment");
  const { ticket } = await cluster.management.getRegisterTicket({});
  return serialize({
    case: "clusterRegister",
    value: {
      registerTicket: ticket,
      // That of the context, never one of an answer: whom it trusts, the machine will trust.
      caCertificate: cluster.ca,
      clusterDirectory: { nodes },
      labels: { pairs: [...labels] },
    },
  });
}

function serialize(
  cluster: MessageInitShape<typeof NodeParametersSchema>["cluster"] & object,
): Uint8Array {
  return toBinary(NodeParametersSchema, create(NodeParametersSchema, { cluster }));
}
