// `metroctl cluster list`: the local clusters, and which of their machines are on.
import { defineCommand } from "citty";
import { listClusters } from "../../../launcher/launcher.ts";
import { outputArgs, print } from "../../output/print.ts";

export default defineCommand({
  meta: { name: "list", description: "List the clusters on this workstation" },
  args: outputArgs,
  async run({ args }) {
    const clusters = await listClusters();
    const rows = clusters.map(({ name, settings, machines, proxy = "", directory }) => ({
      name,
      state: machines === undefined ? "stopped" : "running",
      machines: `${machines?.filter(({ isOn }) => isOn).length ?? 0}/${settings.machines.length}`,
      proxy,
      folder: directory,
    }));
    await print(args, rows, clusters, ["name", "state", "machines", "proxy", "folder"]);
  },
});
