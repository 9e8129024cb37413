// Who the members of the control plane are, and where: an endpoint may be gone when it is
// needed most, and only a member may say who leads. So they are remembered whenever a
// member tells of them.
import type { ClusterDirectory } from "../../gen/metropolis/proto/common/common_pb.ts";
import { errorLine } from "../output/error-line.ts";
import { warn } from "../output/message.ts";
import { UserError } from "../output/user-error.ts";
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
    this.#save({ ...saved, members });
  }

  /** The members are as good a hint next time as they were this time: no command fails for them. */
  #save(reach: Reach): void {
    try {
      this.#context.saveReach(reach);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(`who the members are is not remembered: ${errorLine(error)}`);
    }
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
