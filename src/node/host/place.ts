// The arguments of the node agent as a plain process: `--folder DIR --programs DIR`.
import { parseArgs } from "node:util";

/** Where a node lives that has no machine of its own. */
export interface Place {
  /** Everything of the node lies below it; absolute. */
  readonly folder: string;
  /** Where etcd and etcdutl are. */
  readonly programs: string;
}

/** The node agent was started with arguments that make no sense. */
export class PlaceError extends Error {
  override readonly name = "PlaceError";
}

/** Reads the arguments; undefined where there are none, as on a machine. */
export function parsePlace(args: readonly string[]): Place | undefined {
  if (args.length === 0) return undefined;
  const options = { folder: { type: "string" }, programs: { type: "string" } } as const;
  const { folder, programs } = parseArgs({ args: [...args], options }).values;
  if (folder?.startsWith("/") && programs?.startsWith("/")) return { folder, programs };
  throw new PlaceError("start the node: want --folder and --programs, both absolute");
}
