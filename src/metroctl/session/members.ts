// Where else the control plane is: an endpoint may be gone when it is needed most,
// so the addresses of members are remembered whenever metroctl sees them all.
import type { Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import { NodeState } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { ContextFolder, Reach } from "./context.ts";

/** More are not needed to find one that is up. */
const MOST = 9;

/** The members that a context knows, for as long as one command runs. */
export class Members {
  readonly #context: ContextFolder;
  #reach: Reach;

  constructor(context: ContextFolder, reach: Reach) {
    this.#context = context;
    this.#reach = reach;
  }

  /** How to reach the cluster, as far as is known by now. */
  get reach(): Reach {
    return this.#reach;
  }

  /** Takes in all nodes of the cluster. */
  learn(nodes: readonly Node[]): void {
    const members = nodes.filter(isMember).map(({ status }) => status?.externalAddress ?? "");
    if (members.length === 0) return;
    this.#reach = { ...this.#reach, members: members.slice(0, MOST) };
    this.#save();
  }

  /** Only what was seen in the way that the context will look again. */
  #save(): void {
    const saved = this.#context.reach();
    const { endpoints, members, proxy } = this.#reach;
    const isSame = endpoints.every((host) => saved.endpoints.includes(host));
    if (!isSame || proxy !== saved.proxy) return;
    if (String(saved.members) === String(members)) return;
    this.#context.saveReach({ ...saved, ...(members === undefined ? {} : { members }) });
  }
}

function isMember({ state, roles, status }: Node): boolean {
  return (
    state === NodeState.UP &&
    roles?.consensusMember !== undefined &&
    (status?.externalAddress ?? "") !== ""
  );
}
