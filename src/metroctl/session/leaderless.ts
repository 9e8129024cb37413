// Commands that look at the cluster, while there is no leader to ask: they show what each member
// knows of itself, and end with what to do next.
import { Code, RpcError } from "../../base/rpc/rpc.ts";
import { type OutputArgs, print } from "../output/print.ts";
import { UserError } from "../output/user-error.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { chosenContext } from "./context.ts";
import { NoLeaderError } from "./leader.ts";
import { nextStep } from "./next-step.ts";
import { ownerCredentials, trustedCa } from "./owner.ts";
import { reachOf } from "./reach.ts";
import { type Member, surveyMembers } from "./survey.ts";

/** What a member that named a dead leader, or was the leader, brings about. */
const LOST: readonly Code[] = [Code.unavailable, Code.deadlineExceeded];

/**
 * Does what needs the leader. While there is none, prints the members instead, and throws a
 * {@link UserError} with the next step.
 */
export async function orMembers(
  args: ClusterArgs & OutputArgs,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const isLost = error instanceof RpcError && LOST.includes(error.code);
    const isLeaderless = error instanceof NoLeaderError && !error.hasStrangers;
    if (!isLost && !isLeaderless) throw error;
    const members = await lookAtMembers(args);
    // Then what came of each endpoint says more.
    if (members.every(({ state }) => state === "silent")) throw error;
    await show(args, members);
    throw new UserError(`the control plane has no leader: ${nextStep(members)}`);
  }
}

async function lookAtMembers(args: ClusterArgs): Promise<readonly Member[]> {
  const context = chosenContext(args);
  const ca = trustedCa(context);
  if (ca === undefined) return [];
  const reach = reachOf(args, context);
  return surveyMembers({ credentials: ownerCredentials(context), ca, reach });
}

/** The columns of nodes are not those of members: only the form is the one that was asked for. */
async function show({ output }: OutputArgs, members: readonly Member[]): Promise<void> {
  const rows = members.map(({ id, host, state, troubles }) => ({
    ...{ "node id": id || "unknown", address: host, state },
    trouble: troubles.join("; "),
  }));
  await print({ output }, rows, members);
}
