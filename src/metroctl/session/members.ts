// Who the members of the control plane are, and where: an endpoint may be gone when it is
// needed most, and only a member may say who leads. So they are remembered whenever a
// member tells of them.
import type { ClusterDirectory } from "../../gen/metropolis/proto/common/common_pb.ts";
import type { ContextFolder, KnownMember, Reach } from "./context.ts";

/** More are no use to a cluster. */
const MOST = 15;

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

  /** Takes in who the members are, as one of them tells. */
  learn(directory: ClusterDirectory): void {
    const members = membersOf(directory);
    if (members.length === 0) return;
    this.#reach = { ...this.#reach, members };
    const saved = this.#context.reach();
    // A context that was never saved is for whoever gives all flags himself.
    if (saved.endpoints.length === 0 || isSame(saved.members, members)) return;
    this.#context.saveReach({ ...saved, members });
  }
}

/** The members in a directory, each with all of its addresses, best first. */
export function membersOf({ nodes }: ClusterDirectory): readonly KnownMember[] {
  return nodes
    .filter(({ consensusMember }) => consensusMember)
    .slice(0, MOST)
    .flatMap(({ id, addresses }) => addresses.map(({ host }) => ({ id, host })));
}

/** The best address of each member. */
export function bestHosts(members: readonly KnownMember[]): readonly string[] {
  // Of several entries with one key the last stays.
  return [...new Map(members.toReversed().map(({ id, host }) => [id, host])).values()].toReversed();
}

function isSame(one: readonly KnownMember[] | undefined, other: readonly KnownMember[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
