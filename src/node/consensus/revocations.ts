// Keeps out of etcd who is no member any more: it reads the list at each handshake, and who
// is connected already has to prove himself again.
import { readFile } from "node:fs/promises";
import { sleep } from "../../base/event/event.ts";
import { errorText } from "../../base/logtree/logtree.ts";
import { run } from "../../base/process/process.ts";
import type { Client } from "../../base/rpc/rpc.ts";
import type { Context } from "../../base/supervisor/supervisor.ts";
import type { Curator } from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";
import type { DataPaths } from "../storage/paths.ts";
import { saveRevocations } from "./pki.ts";

type Following = Pick<Context, "signal" | "log">;

const PAUSE_MS = 1_000;

/** Follows the list of this node, which must be a consensus member, onto its disk. */
export async function followRevocations(
  curator: Client<typeof Curator>,
  data: DataPaths,
  port: number,
  { signal, log }: Following,
): Promise<void> {
  let known = await readFile(data.etcdRevocations);
  for await (const { revocationList } of curator.followConsensus({}, { signal })) {
    if (known.equals(revocationList)) continue;
    await saveRevocations(data, revocationList);
    known = Buffer.from(revocationList);
    log.info("Certificates of consensus were revoked; all members prove themselves anew");
    await persist(() => disconnect(port), { signal, log });
  }
}

async function persist(work: () => Promise<void>, { signal, log }: Following): Promise<void> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      log.warning(errorText(error));
    }
    await sleep(PAUSE_MS, signal);
  }
}

/** Ends the connections that others have to a port; members connect again at once. */
async function disconnect(port: number): Promise<void> {
  const filter = ["state", "established", `( sport = :${port} )`];
  await run(["ss", "--kill", "--no-header", "--tcp", "--numeric", ...filter]);
}
