// Where the cache lies.
import { expect, test } from "bun:test";
import { homedir } from "node:os";
import { cacheFolder } from "./settings.ts";

test.each([
  [{ METROPOLIS_CACHE: "/big/disk", XDG_CACHE_HOME: "/x" }, "/big/disk"],
  [{ XDG_CACHE_HOME: "/x" }, "/x/metropolis"],
  [{ XDG_CACHE_HOME: "" }, `${homedir()}/.cache/metropolis`],
  [{}, `${homedir()}/.cache/metropolis`],
])("cacheFolder with %p is %s", (environment, folder) => {
  expect(cacheFolder(environment)).toBe(folder);
});
