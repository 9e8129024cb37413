// Settings for tests of stages: a cache of their own, and no network.
import { join } from "node:path";
import { Apt } from "./debian.ts";
import type { BuildSettings } from "./settings.ts";

/** Settings that keep everything below one folder; there are no Debian packages. */
export function testSettings(folder: string, checkout = join(folder, "checkout")): BuildSettings {
  const cache = join(folder, "cache");
  const keys = join(folder, "keys");
  return { checkout, cache, keys, isQuick: false, apt: new Apt(cache), packages: async () => [] };
}
