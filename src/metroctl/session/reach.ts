// Where the cluster is: from the flags, else from what the context remembers.
import { UserError } from "../output/user-error.ts";
import type { ClusterArgs } from "./cluster-args.ts";
import type { ContextFolder, Reach } from "./context.ts";
import { hostAndPort, proxyOf, requireEndpoint } from "./endpoint.ts";

/** The port of the Cluster API, for endpoints that name none. */
export const CURATOR_PORT = 7835;

/**
 * How long a node that a call waits for may be silent. A person waits rather than hear that the
 * connection was dropped, because a machine was busy starting; nodes, who can ask another, do not.
 */
export const SILENCE_MS = 10_000;

/**
 * The endpoints and proxy to use.
 *
 * Throws a {@link UserError} when neither flags nor context name an endpoint.
 */
export function reachOf(args: ClusterArgs, context: ContextFolder): Reach {
  const saved = context.reach();
  const given = proxyOf(args);
  const endpoints = args.endpoints === undefined ? saved.endpoints : splitList(args.endpoints);
  if (endpoints.length === 0)
    throw new UserError(
      `context ${context.name} knows no endpoints: give --endpoints <address of a node>`,
    );
  // Endpoints from a flag are reached as the flags say, not through the saved proxy of others,
  // unless they are among those saved with it.
  const isSaved = endpoints.every((host) => saved.endpoints.includes(host));
  const proxy = given ?? (isSaved || args.endpoints === undefined ? saved.proxy : undefined);
  // Members were seen through the saved proxy, or without one. Who names endpoints wants those;
  // but who is a member is known all the same.
  const hasEndpoints = args.endpoints !== undefined || proxy !== saved.proxy;
  return {
    endpoints,
    ...(saved.members === undefined ? {} : { members: saved.members }),
    ...(hasEndpoints ? { hasEndpoints } : {}),
    ...(proxy === undefined || proxy === "" ? {} : { proxy }),
  };
}

function splitList(text: string): readonly string[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) requireEndpoint("--endpoints", name);
  return names;
}

/**
 * `host:port` for a host name, an address, or either with a port.
 *
 * Throws a {@link UserError} for what is none of these.
 */
export function target(endpoint: string, port = CURATOR_PORT): string {
  return hostAndPort(endpoint, port);
}
