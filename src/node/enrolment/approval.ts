// Waiting until an operator has approved this machine: it asks to be committed, every
// second, and is refused until then.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { sleep, type Value } from "../../base/event/event.ts";
import type { Logger } from "../../base/logtree/logtree.ts";
import { type Channel, Code, RpcError } from "../../base/rpc/rpc.ts";
import {
  type CommitNodeRequestSchema,
  type CommitNodeResponse,
  Curator,
} from "../../gen/metropolis/node/core/curator/proto/api/api_pb.ts";

const PERIOD_MS = 1_000;

/** How often whoever looks at the console is reminded, in requests. */
const REMIND_EVERY = 300;

/** What is asked for, and what a person is told meanwhile. */
export interface Approval {
  readonly request: MessageInitShape<typeof CommitNodeRequestSchema>;
  /** The command that approves. */
  readonly call: string;
  /** Heard after each call: whether the leader has answered it. */
  readonly isReached: Value<boolean>;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly periodMs?: number;
}

/** Gives the answer to the commit that was admitted. Refusals that waiting cannot end are thrown. */
export async function awaitApproval(
  channel: Channel,
  { request, call, isReached, log, signal, periodMs = PERIOD_MS }: Approval,
): Promise<CommitNodeResponse> {
  const curator = channel.client(Curator);
  for (let asked = 0; ; asked++) {
    if (asked % REMIND_EVERY === 0) log.info(`Waiting for approval: ${call}`);
    try {
      return await curator.commitNode(request, { signal });
    } catch (error) {
      if (!isPassing(error)) throw error;
      const wasAnswered = error.code === Code.permissionDenied;
      if (isReached.current !== wasAnswered) isReached.set(wasAnswered);
    }
    await sleep(periodMs, signal);
  }
}

/** Not approved yet, or nobody leads the cluster at the moment. */
function isPassing(error: unknown): error is RpcError {
  if (!(error instanceof RpcError)) return false;
  const passing: readonly Code[] = [Code.permissionDenied, Code.unavailable, Code.deadlineExceeded];
  return passing.includes(error.code);
}
