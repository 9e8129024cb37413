// `metroctl context list`: the clusters this workstation knows.
import { defineCommand } from "citty";
import { outputArgs, print } from "../../output/print.ts";
import { clusterArgs } from "../../session/cluster-args.ts";
import {
  ContextFolder,
  chosenContext,
  configFolder,
  contextFiles,
  contextNames,
} from "../../session/context.ts";

export default defineCommand({
  meta: { name: "list", description: "List contexts, one per cluster" },
  args: { config: clusterArgs.config, ...outputArgs },
  async run({ args }) {
    const config = configFolder(args.config);
    const current = chosenContext(args).name;
    const rows = contextNames(config).map((name) => {
      const folder = new ContextFolder(config, name);
      const { endpoints, proxy = "" } = folder.reach();
      const isOwned = folder.read(contextFiles.ownerCertificate) !== undefined;
      return {
        current: name === current ? "*" : "",
        name,
        owner: isOwned ? "yes" : "no",
        endpoints: endpoints.join(","),
        proxy,
      };
    });
    await print(args, rows, rows, ["current", "name", "owner", "endpoints", "proxy"]);
  },
});
