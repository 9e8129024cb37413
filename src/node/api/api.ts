// The service that every node offers by itself, whether or not it has a part in
// the control plane: NodeManagement, on port 7839, for the cluster's owner.
import type { Value } from "../../base/event/event.ts";
import type { LogTree } from "../../base/logtree/logtree.ts";
import {
  authorizeByOption,
  isReplaced,
  memberOf,
  noUserOf,
  requireOwner,
  type Server,
  serve,
  service,
  smallLimits,
} from "../../base/rpc/rpc.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import { NodeManagement } from "../../gen/metropolis/proto/api/management_pb.ts";
import { together } from "../control/control.ts";
import { getTroubles, type TroubleSources } from "./get-troubles.ts";
import { logs } from "./logs.ts";
import { type PowerRequest, reboot } from "./reboot.ts";

export type { PowerRequest } from "./reboot.ts";

/** The node's identity in its cluster. */
export interface NodeCredentials {
  /** DER. */
  readonly ca: Uint8Array;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What the service works with. */
export interface ApiOptions {
  readonly credentials: Value<NodeCredentials>;
  /** The public key of the cluster's owner: no other user is let in. */
  readonly owner: Value<Uint8Array>;
  readonly tree: LogTree;
  readonly wrong: TroubleSources;
  /** Ends the node's work and the machine's with it. */
  readonly power: (request: PowerRequest) => void;
  readonly port?: number;
}

const PORT = 7839;

/** Serves NodeManagement as soon as the node has credentials, and again when they change. */
export function api(options: ApiOptions): Runnable {
  const { credentials, owner, tree, power, wrong, port = PORT } = options;
  const handlers = {
    logs: logs(tree),
    reboot: reboot(power),
    getTroubles: getTroubles(wrong),
  };
  return async ({ signal, log, healthy }) => {
    log.info("Waiting for the node's credentials");
    const first = await credentials.first(signal);
    let current = first;
    const byOption = authorizeByOption(() => current.ca);
    await using server: Server = await serve({
      services: [service(NodeManagement, handlers)],
      authorize: (call) => {
        byOption(call);
        if (call.peer?.kind === "user") requireOwner(call.peer, owner.current);
      },
      isMember: memberOf(() => current.ca),
      isNode: noUserOf(() => current.ca),
      limits: smallLimits,
      listen: { host: "::", port },
      tls: security(first),
      onError: ({ name }, error) => log.error(`${name}: ${String(error)}`),
    });
    log.info(`Serving node management on port ${server.port}`);
    healthy();
    await together(signal, [
      async (ended) => {
        for await (const next of credentials.watch(ended)) {
          current = next;
          server.reload(security(next));
        }
      },
      async (ended) => {
        for await (const key of owner.watch(ended)) server.revoke((peer) => isReplaced(peer, key));
      },
    ]);
  };
}

function security({ certificatePem, keyPem }: NodeCredentials) {
  return { certificatePem, keyPem };
}
