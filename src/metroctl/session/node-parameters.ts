// What a medium tells the node it installs: to make a new cluster for our
// owner key, or to register with one that is there.
import { randomBytes } from "node:crypto";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { NodeParametersSchema } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import type { ClusterConfigurationSchema } from "../../gen/metropolis/proto/common/common_pb.ts";
import { UserError } from "../output/user-error.ts";
import { openCluster } from "./cluster.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { type ContextFolder, chosenContext, contextFiles } from "./context.ts";
import { ensureOwnerKey } from "./owner.ts";

const SECRET_BYTES = 32;

/**
 * Parameters for the first node of a new cluster, serialized.
 *
 * Throws a {@link UserError} when the context already owns a cluster, as its
 * files would be lost to the new one.
 */
export async function bootstrapParameters(
  args: ClusterArgs,
  configuration: MessageInitShape<typeof ClusterConfigurationSchema>,
): Promise<Uint8Array> {
  const context = chosenContext(args);
  if (context.read(contextFiles.ownerCertificate) !== undefined)
    throw new UserError(
      `context ${context.name} already owns a cluster: name another with --context=<name>`,
    );
  const key = ensureOwnerKey(context);
  return serialize({
    cluster: {
      case: "clusterBootstrap",
      value: {
        ownerPublicKey: key.publicKey,
        initialClusterConfiguration: configuration,
        ownershipSecret: ensureSecret(context),
      },
    },
  });
}

/** The secret that goes to the medium and back: the same for every medium of one context. */
function ensureSecret(context: ContextFolder): Uint8Array {
  const saved = context.read(contextFiles.secret)?.trim();
  if (saved !== undefined) return Buffer.from(saved, "hex");
  const made = randomBytes(SECRET_BYTES);
  context.write(contextFiles.secret, `${made.toString("hex")}\n`, 0o600);
  return made;
}

/** Parameters for a further node: ticket, directory and CA, asked of the running cluster. */
export async function registerParameters(args: ClusterArgs): Promise<Uint8Array> {
  using cluster = await openCluster(args);
  const { ticket } = await cluster.management.getRegisterTicket({});
  const { clusterDirectory, caCertificate } = await cluster.management.getClusterInfo({});
  return serialize({
    cluster: {
      case: "clusterRegister",
      value: {
        registerTicket: ticket,
        caCertificate,
        ...(clusterDirectory === undefined ? {} : { clusterDirectory }),
      },
    },
  });
}

function serialize(init: MessageInitShape<typeof NodeParametersSchema>): Uint8Array {
  return toBinary(NodeParametersSchema, create(NodeParametersSchema, init));
}
