// `metroctl version`: which release this is.
import { defineCommand } from "citty";
import packageJson from "../../../package.json" with { type: "json" };
import { answer } from "../output/message.ts";

export default defineCommand({
  meta: { name: "version", description: "Print the version" },
  run() {
    answer(packageJson.version);
  },
});
