// Sizes of what the build makes.
import { statSync } from "node:fs";
import { outputs } from "../cluster/support.ts";
import type { Results } from "./budgets.ts";

const MEGABYTE = 1_000_000;

/** The sizes of the outputs of the last build. */
export function images(): Results {
  return {
    "image.system": megabytes("system.img"),
    "image.uki": megabytes("metropolis.efi"),
    "image.bundle": megabytes("bundle.zip"),
    "image.executable": megabytes("metropolis"),
    "image.etcd": megabytes("etcd"),
  };
}

function megabytes(name: string): number {
  return statSync(outputs(name)).size / MEGABYTE;
}
