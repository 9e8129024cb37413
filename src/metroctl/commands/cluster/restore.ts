// `metroctl cluster restore <address> <file>`: brings a backup to a new machine that was
// made with `install genusb --bootstrap --restore` and waits for it.
import { existsSync } from "node:fs";
import { defineCommand } from "citty";
import { answer, say } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { backupText, checkBackup } from "../../session/backup-file.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { chosenContext } from "../../session/context.ts";
import { proxyOf, requireEndpoint } from "../../session/endpoint.ts";
import { type AgeQuestion, askAboutAge, rememberBackup } from "../../session/newest-backup.ts";
import { restoreBackup } from "../../session/restore.ts";
import { askAboutTwins, saveRestored } from "../../session/twins.ts";

export default defineCommand({
  meta: { name: "restore", description: "Bring a backup to a new machine that waits for it" },
  args: {
    config: clusterArgs.config,
    context: clusterArgs.context,
    proxy: clusterArgs.proxy,
    yes: {
      type: "boolean",
      alias: "y",
      description: "Restore an old backup, or beside another cluster, without asking",
    },
    address: { type: "positional", required: true, description: "Address of the machine" },
    file: { type: "positional", required: true, description: "File that cluster backup wrote" },
  },
  async run({ args }) {
    const { address, file } = args;
    requireEndpoint("cluster restore", address);
    if (!existsSync(file)) throw new UserError(`${file}: there is no such file`);
    const context = chosenContext(args);
    const proxy = proxyOf(args) ?? context.reach().proxy;
    // All of it once before anything is sent: half a backup must not reach a machine.
    const { digest, ...facts } = await checkBackup(context, file);
    say(`The backup is good: ${backupText(facts)}`);
    const isMeant = args.yes === true;
    if (!isMeant) await askAboutAge(context, facts, ageQuestion(file));
    await askAboutTwins(args, context, { address, isMeant });
    await restoreBackup(context, { address, file, digest, proxy });
    answer(`The node at ${address} has taken the backup in, and serves its cluster in a moment.`);
    answer("Other nodes of the old cluster have to be installed again: metroctl install genusb");
    // Last: it is done, and is not done twice, also where the context has no room.
    rememberBackup(context, facts);
    saveRestored(context, address);
    // The endpoints of before are gone with their machines.
    context.saveReach({ endpoints: [address], ...(proxy === undefined ? {} : { proxy }) });
  },
});

/** An old backup brings back who was deleted since, so it is not taken without a word. */
function ageQuestion(file: string): AgeQuestion {
  return {
    whatIsOlder: file,
    meaning:
      "All that changed since is lost, and nodes and users that were deleted since are members again.",
    refused: "nothing was sent: take the newest backup",
  };
}
