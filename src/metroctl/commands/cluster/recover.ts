// `metroctl cluster recover [addresses…]`: opens the disks of consensus members
// that were all off and cannot, or may not, open them by themselves.
import { defineCommand } from "citty";
import { errorLine } from "../../output/error-line.ts";
import { answer } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { chosenContext } from "../../session/context.ts";
import { hostOf, requireEndpoint } from "../../session/endpoint.ts";
import { introduceNodes, learnSightings } from "../../session/introduce.ts";
import { bestHosts } from "../../session/members.ts";
import { ownerCredentials } from "../../session/owner.ts";
import { reachOf } from "../../session/reach.ts";
import { missingCount, type Opened, unlockNode } from "../../session/recover.ts";
import { recoveryKey } from "../../session/recovery-key.ts";

export default defineCommand({
  meta: { name: "recover", description: "Open the disks of locked consensus members" },
  args: {
    ...clusterArgs,
    addresses: {
      type: "positional",
      required: false,
      description: "Locked machines; by default the members that the context knows",
    },
  },
  async run({ args }) {
    const context = chosenContext(args);
    const opener = { credentials: ownerCredentials(context), recoveryKey: recoveryKey(context) };
    for (const address of args._) requireEndpoint("cluster recover", address);
    const { endpoints, members = [], hasEndpoints, proxy } = reachOf(args, context);
    const hosts = hasEndpoints === true ? [] : bestHosts(members);
    // An endpoint may name the port of another service.
    const known = new Set([...endpoints, ...hosts].map(hostOf));
    const addresses = args._.length > 0 ? [...new Set(args._)] : [...known];

    const opened: Opened[] = [];
    const failures: string[] = [];
    const attempts = addresses.map((address) => unlockNode({ ...opener, proxy }, address));
    for (const [at, attempt] of (await Promise.allSettled(attempts)).entries()) {
      if (attempt.status === "rejected") {
        failures.push(`${addresses[at]}: ${errorLine(attempt.reason)}`);
        continue;
      }
      const { id } = attempt.value;
      opened.push(attempt.value);
      answer(id === undefined ? `${addresses[at]} is not locked` : `Unlocked node ${id}`);
    }
    const sightings = await introduceNodes({ ...opener, proxy }, addresses);
    if (args._.length > 0) learnSightings(context, sightings);
    // Members that are off, or not locked, matter only when they are missed.
    const missing = missingCount(opened, failures.length);
    if (opened.length > 0 && missing === 0)
      return answer("The majority of consensus is unlocked: the cluster comes back by itself.");
    const title =
      opened.length === 0
        ? "no node was unlocked, one that is not locked does not listen there"
        : `${missing} more consensus member${missing === 1 ? "" : "s"} must be unlocked, give their addresses`;
    throw new UserError([title, ...failures].join("\n  "));
  },
});
