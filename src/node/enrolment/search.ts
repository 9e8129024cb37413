// The search for a cluster that is not where the medium says: it may have got other addresses
// since. Its nodes on the same links are asked, as they ask each other.
//
// An answer proves nothing. It counts only where it is about a member that the medium names, and
// as one more place to dial: whoever is there has to show that member's certificate, by the CA
// on the medium, before anything is sent to him.
import { sleep, Value } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import type { NodeParameters_ClusterRegister } from "../../gen/metropolis/proto/api/configuration_pb.ts";
import { RECOVERY_PORT } from "../recovery/recovery.ts";
import { knownOf } from "../roles/connection.ts";
import { searchLink } from "../whereabouts/link-calls.ts";
import type { Surroundings } from "./attempt.ts";

/** So long the addresses on the medium have for an answer, before anybody else is asked. */
const PATIENCE_MS = 3_000;

/** What the search works with. */
export type SearchSurroundings = Pick<Surroundings, "addresses" | "whereabouts" | "log" | "signal">;

/**
 * Does something with the cluster, and searches for it meanwhile for as long as it is not
 * reached. `work` says when it is.
 */
export async function whileSearching<R>(
  all: SearchSurroundings,
  medium: NodeParameters_ClusterRegister,
  { id: nodeId }: { readonly id: string },
  work: (isReached: Value<boolean>) => Promise<R>,
): Promise<R> {
  const end = new AbortController();
  const isReached = new Value(false);
  all.whereabouts.expect(knownOf(medium.clusterDirectory).members);
  const caller = { nodeId, clusterCa: medium.caCertificate };
  const searching = search(all, caller, isReached, AbortSignal.any([all.signal, end.signal]));
  try {
    return await work(isReached);
  } finally {
    end.abort();
    await searching;
  }
}

async function search(
  { addresses, whereabouts, log }: SearchSurroundings,
  caller: { readonly nodeId: string; readonly clusterCa: Uint8Array },
  isReached: Value<boolean>,
  signal: AbortSignal,
): Promise<void> {
  try {
    await sleep(PATIENCE_MS, signal);
    await isReached.first(signal, (reached) => !reached);
    log.info("No answer yet where the medium says: asking nodes of the cluster on this link");
    const options = { addresses, isReached, whereabouts };
    await searchLink(caller, options, { host: "::", port: RECOVERY_PORT }, signal);
  } catch (error) {
    // The medium may be right all the same.
    if (!signal.aborted) log.warning(`Nobody is asked: ${errorText(error)}`);
  }
}
