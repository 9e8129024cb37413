// `metroctl version`: which release this is.
import { defineCommand } from "citty";
import { answer } from "../output/message.ts";
import packageJson from "../../../package.json" with { type: "json" };

export default defineCommand({
  meta: { name: "version", description: "Print the version" },
  run() {
    answer(packageJson.version);
  },
});
