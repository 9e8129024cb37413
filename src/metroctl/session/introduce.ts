// Telling nodes that reach no leader where the others are: a network may have given all of them
// other addresses, and no link leads from one to the next. For them these are hints; whoever is
// there still has to prove himself.
import { selfSignedKey } from "../../base/pki/verify.ts";
import { type Client, connect, RpcError } from "../../base/rpc/rpc.ts";
import { Recovery } from "../../gen/metropolis/node/core/recovery/recovery_pb.ts";
import { UserError } from "../output/user-error.ts";
import type { ContextFolder, KnownMember } from "./context.ts";
import { hostOf } from "./endpoint.ts";
import { SILENCE_MS, target } from "./reach.ts";
import { type Opener, RECOVERY_PORT } from "./recover.ts";

const TIMEOUT_MS = 5_000;

/** A node, where the operator reaches it. */
export interface Sighting {
  readonly nodeId: string;
  readonly address: string;
}

type Introducer = Omit<Opener, "recoveryKey">;

/** Makes all that answer known to each other, and gives who is where by their own word. */
export async function introduceNodes(
  opener: Introducer,
  addresses: readonly string[],
): Promise<readonly Sighting[]> {
  const asked = addresses.map(async (address) => {
    const { nodeId } = await withNode(opener, address, (node) =>
      node.introduce({}, { timeoutMs: TIMEOUT_MS }),
    );
    return { nodeId, address: hostOf(address) };
  });
  const sightings = fulfilled(await Promise.allSettled(asked));
  const told = addresses.map((address) =>
    withNode(opener, address, (node) =>
      node.introduce({ members: [...sightings] }, { timeoutMs: TIMEOUT_MS }),
    ),
  );
  // Who is off, or reaches its leader already, needs no help.
  await Promise.allSettled(told);
  return sightings;
}

/** Remembers where members of the cluster are now. */
export function learnSightings(context: ContextFolder, sightings: readonly Sighting[]): void {
  const saved = context.reach();
  if (saved.endpoints.length === 0 || sightings.length === 0) return;
  const now = new Map(sightings.map(({ nodeId, address }) => [nodeId, address]));
  const met = sightings.map(({ nodeId, address }) => ({ id: nodeId, host: address }));
  const isMember = ({ id }: KnownMember) => saved.members?.some((each) => each.id === id) === true;
  const members = saved.members && [
    ...met.filter(isMember),
    ...saved.members.filter(({ id }) => !now.has(id)),
  ];
  const endpoints = [...new Set([...now.values(), ...saved.endpoints])];
  context.saveReach({ ...saved, endpoints, ...(members && { members }) });
}

async function withNode<R>(
  { credentials, proxy }: Introducer,
  address: string,
  work: (node: Client<typeof Recovery>) => Promise<R>,
): Promise<R> {
  const verify = (certificate: Uint8Array) => {
    if (selfSignedKey([certificate]) === undefined)
      throw new UserError("it does not prove any key");
  };
  const to = target(address, RECOVERY_PORT);
  const options = { silenceMs: SILENCE_MS, credentials: { ...credentials, verify }, proxy };
  using channel = connect({ target: to, ...options });
  return await work(channel.client(Recovery));
}

function fulfilled<T>(results: readonly PromiseSettledResult<T>[]): readonly T[] {
  return results.flatMap((result) => {
    if (result.status === "fulfilled") return [result.value];
    if (result.reason instanceof RpcError) return [];
    throw result.reason;
  });
}
