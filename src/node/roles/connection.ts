// The node's way to the Cluster API, as itself.
import { certificatePem, privateKeyPem } from "../../base/pki/keys.ts";
import { verifyNode } from "../../base/pki/verify.ts";
import { type Channel, connect } from "../../base/rpc/rpc.ts";
import type { Credentials } from "../storage/credentials.ts";
import { CURATOR_PORT } from "./settings.ts";

/** The curator on this node. */
export const LOCAL_CURATOR = `127.0.0.1:${CURATOR_PORT}`;

/** Connects to a curator of the node's own cluster; `using` closes it. */
export function connectCluster(own: Credentials, target = LOCAL_CURATOR): Channel {
  return connect({
    target,
    credentials: {
      keyPem: privateKeyPem(own.keyPair),
      certificatePem: certificatePem(own.certificate),
      verify: (der) => {
        verifyNode(der, own.ca);
      },
    },
  });
}
