// Which release runs, as the verified system says of itself.
import { existsSync, readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { type Version, VersionSchema } from "../../gen/version/spec/spec_pb.ts";

/** Reads the version from os-release(5); all zeros where it names none. */
export function parseVersion(osRelease: string): Version {
  const [, major = 0, minor = 0, patch = 0] =
    /^VERSION_ID="?(\d+)\.(\d+)\.(\d+)/m.exec(osRelease) ?? [];
  return create(VersionSchema, {
    release: { major: BigInt(major), minor: BigInt(minor), patch: BigInt(patch) },
  });
}

/** The version of the running system. */
export function runningVersion(path = "/etc/os-release"): Version {
  return parseVersion(existsSync(path) ? readFileSync(path, "utf8") : "");
}

/** A version as people write it. */
export function formatVersion({ release }: Version): string {
  return [release?.major, release?.minor, release?.patch].map((part) => part ?? 0n).join(".");
}
