// Many nodes for a control plane: each registers itself as a machine does.
import { selfSigned } from "../../src/base/pki/certificate.ts";
import { generateKeyPair } from "../../src/base/pki/keys.ts";
import { nodeId } from "../../src/base/pki/node-id.ts";
import { Curator } from "../../src/gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import { Management } from "../../src/gen/metropolis/proto/api/management_pb.ts";
import { ControlPlane } from "../cluster/control-plane.ts";
import { each } from "./load.ts";

/** How many machines knock at the same time. */
const AT_ONCE = 8;

/** Registers so many nodes; gives their IDs. */
export async function registerNodes(
  plane: ControlPlane,
  count: number,
): Promise<readonly string[]> {
  using owner = plane.connect(plane.ports.api, plane.owner());
  const { ticket } = await owner.client(Management).getRegisterTicket({});
  const ids: string[] = [];
  await each(count, AT_ONCE, async (at) => {
    const key = generateKeyPair();
    const proof = ControlPlane.proof(key, await selfSigned(key));
    using channel = plane.connect(plane.ports.api, proof);
    await channel.client(Curator).registerNode({
      registerTicket: ticket,
      joinKey: generateKeyPair().publicKey,
      haveLocalTpm: true,
      labels: { pairs: [{ key: "rack", value: `r${at % 40}` }] },
    });
    ids.push(nodeId(key.publicKey));
  });
  return ids;
}
