// `metroctl cluster restore <address> <file>`: brings a backup to a new machine that was
// made with `install genusb --bootstrap --restore` and waits for it.
import { existsSync } from "node:fs";
import { defineCommand } from "citty";
import { answer } from "../../output/message.ts";
import { UserError } from "../../output/user-error.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import { chosenContext } from "../../session/context.ts";
import { restoreBackup } from "../../session/restore.ts";

export default defineCommand({
  meta: { name: "restore", description: "Bring a backup to a new machine that waits for it" },
  args: {
    config: clusterArgs.config,
    context: clusterArgs.context,
    proxy: clusterArgs.proxy,
    address: { type: "positional", required: true, description: "Address of the machine" },
    file: { type: "positional", required: true, description: "File that cluster backup wrote" },
  },
  async run({ args }) {
    const { address, file } = args;
    if (!existsSync(file)) throw new UserError(`${file}: there is no such file`);
    const context = chosenContext(args);
    const proxy = args.proxy ?? context.reach().proxy;
    await restoreBackup(context, { address, file, proxy });
    // The endpoints of before are gone with their machines.
    context.saveReach({ endpoints: [address], ...(proxy === undefined ? {} : { proxy }) });
    answer(`The node at ${address} has taken the backup in, and serves its cluster in a moment.`);
    answer("Other nodes of the old cluster have to be installed again: metroctl install genusb");
  },
});
