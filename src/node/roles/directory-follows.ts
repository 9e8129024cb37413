// The directory on the ESP follows where members were met: the next start may find nobody who
// could tell again.
import { create, equals, toBinary } from "@bufbuild/protobuf";
import { writeFileAtomic } from "../../base/linux/atomic-file.ts";
import type { Runnable } from "../../base/supervisor/supervisor.ts";
import {
  type ClusterDirectory,
  ClusterDirectorySchema,
  ClusterDirectory_NodeSchema as EntrySchema,
} from "../../gen/metropolis/proto/common/common_pb.ts";
import type { Names } from "../network/hosts.ts";
import type { Whereabouts } from "../whereabouts/whereabouts.ts";
import { readDirectory } from "./connection.ts";

/** A directory with the addresses that nodes have now. */
export function withPlaces(directory: ClusterDirectory, places: Names): ClusterDirectory {
  const nodes = directory.nodes.map((node) => {
    const hosts = places.get(node.id) ?? [];
    return hosts.length === 0
      ? node
      : create(EntrySchema, {
          id: node.id,
          consensusMember: node.consensusMember,
          addresses: hosts.map((host) => ({ host })),
        });
  });
  return create(ClusterDirectorySchema, { nodes });
}

/** Keeps the directory at `path`, where there is one, as `whereabouts` has it. */
export function directoryFollows({ places }: Whereabouts, path: string): Runnable {
  return async ({ signal, log, healthy }) => {
    healthy();
    for await (const present of places.watch(signal)) {
      const before = readDirectory(path);
      if (before === undefined) continue;
      const after = withPlaces(before, present);
      if (equals(ClusterDirectorySchema, before, after)) continue;
      await writeFileAtomic(path, toBinary(ClusterDirectorySchema, after));
      log.info("Saved where members were met in the cluster directory");
    }
  };
}
