// Two clusters of one identity: what a restore makes where the cluster of before still runs, or
// was restored elsewhere already. Neither knows of the other, and each believes itself to be the
// one, so whoever restores is asked, as far as that can be known from here.
import { capital } from "../../base/format/sentence.ts";
import { RpcError } from "../../base/rpc/rpc.ts";
import { say } from "../output/message.ts";
import { utcText } from "../output/time-words.ts";
import { UserError } from "../output/user-error.ts";
import { openCluster } from "./cluster.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import { type ContextFolder, contextFiles } from "./context.ts";
import { confirm } from "./prompt.ts";

/** A cluster that runs says so within this time. */
const PATIENCE_MS = 5_000;

const MEANING =
  "Two clusters of one identity do not know of each other: nodes, users and changes end up in either.";

/** What is remembered of the last restore. */
interface Restored {
  readonly address: string;
  /** ISO 8601. */
  readonly time: string;
}

/**
 * Asks where a restore at an address would make a second cluster; where `isMeant`, warns only.
 * Throws a {@link UserError} unless the answer is yes.
 */
export async function askAboutTwins(
  args: ClusterArgs,
  context: ContextFolder,
  { address, isMeant }: { readonly address: string; readonly isMeant: boolean },
): Promise<void> {
  const reason = (await running(args)) ?? restoredBefore(context, address);
  if (reason === undefined) return;
  if (isMeant) return say(`Warning: ${reason}. ${MEANING}`);
  if (await confirm(`${capital(reason)}.\n${MEANING} Go on (yes/no)? `, "--yes")) return;
  throw new UserError("nothing was sent: switch the other cluster off first, or go on with it");
}

/** Remembers where a backup was restored. */
export function saveRestored(context: ContextFolder, address: string): void {
  const restored: Restored = { address, time: new Date().toISOString() };
  context.write(contextFiles.restored, `${JSON.stringify(restored, null, 2)}\n`, 0o644);
}

async function running(args: ClusterArgs): Promise<string | undefined> {
  try {
    using cluster = await openCluster(args, PATIENCE_MS);
    for await (const { leaderNodeId, leaderHost } of cluster.local.getCurrentLeader(
      {},
      { timeoutMs: PATIENCE_MS },
    )) {
      return `the cluster of this context runs: node ${leaderNodeId} leads it at ${leaderHost}`;
    }
  } catch (error) {
    // Nobody answers, as after the loss of all machines, or nobody whom this context can ask.
    if (!(error instanceof RpcError) && !(error instanceof UserError)) throw error;
  }
  return undefined;
}

function restoredBefore(context: ContextFolder, address: string): string | undefined {
  try {
    const text = context.read(contextFiles.restored) ?? "{}";
    const { address: before = "", time = "" }: Partial<Restored> = JSON.parse(text);
    if (before === "" || before === address) return undefined;
    return `this context has restored a backup at ${before} already, on ${utcText(new Date(time))}`;
  } catch {
    // It only makes us ask less.
    return undefined;
  }
}
