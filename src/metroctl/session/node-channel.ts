// The way to one node, which may have several addresses: not all of them lead there from here.
import { sleep } from "../../base/event/event.ts";
import { allAddresses } from "../../base/format/reached.ts";
import { type Channel, Code, RpcError } from "../../base/rpc/rpc.ts";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import type { Node } from "../../gen/metropolis/proto/api/management_pb.ts";
import { UserError } from "../output/user-error.ts";
import { dial, expectNode, type Session } from "./leader.ts";
import { target } from "./reach.ts";

/** The port that every node serves once it is open. */
export const NODE_MANAGEMENT_PORT = 7839;
/** How much earlier each address is tried than the next. */
const HEAD_START_MS = 300;
/** How long one of several may take to answer. */
const ANSWER_MS = 5_000;
/** What is said by no server, but for want of one. */
const SILENT: readonly Code[] = [Code.unavailable, Code.deadlineExceeded];

/**
 * Connects to a node at the first of its addresses that answers, the best of them preferred; at
 * that one where none does, so that a call says why. Throws a {@link UserError} where there is
 * none yet.
 */
export async function connectNode(
  session: Session,
  { id, status }: Node,
  port = NODE_MANAGEMENT_PORT,
): Promise<Channel> {
  const channels = allAddresses(status).map((address) =>
    dial(session, target(address, port), expectNode(id)),
  );
  const [best, ...others] = channels;
  if (best === undefined)
    throw new UserError(`node ${id} has not told its address yet: try again when it is up`);
  if (others.length === 0) return best;
  const chosen = await firstToAnswer(channels).catch(() => best);
  for (const channel of channels) if (channel !== chosen) channel.close();
  return chosen;
}

async function firstToAnswer(channels: readonly Channel[]): Promise<Channel> {
  const over = new AbortController();
  const attempts = channels.map(async (channel, at) => {
    await sleep(at * HEAD_START_MS, over.signal);
    await answered(channel, over.signal);
    return channel;
  });
  try {
    return await Promise.any(attempts);
  } finally {
    over.abort();
  }
}

/** Resolves once somebody has answered there, whatever he said. */
async function answered(channel: Channel, signal: AbortSignal): Promise<void> {
  try {
    await channel.client(Health).check({}, { timeoutMs: ANSWER_MS, signal });
  } catch (error) {
    if (!(error instanceof RpcError) || SILENT.includes(error.code)) throw error;
  }
}
