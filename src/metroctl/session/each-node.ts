// Work on several nodes, each on its own: one that fails does not keep the
// others from being done, and every failure is told with its reason.
import { errorLine } from "../output/error-line.ts";
import { answer } from "../output/message.ts";
import { UsageError, UserError } from "../output/user-error.ts";

/**
 * Does the work for each of the nodes in turn, and says `done` with the ID of each.
 *
 * Throws a {@link UserError} after all were tried, when some failed; its text
 * begins with `title` and has a line for each of several failures. Throws a
 * {@link UsageError} when no node is named.
 */
export async function eachNode(
  ids: readonly string[],
  { title, done }: { readonly title: string; readonly done: string },
  work: (id: string) => Promise<unknown>,
): Promise<void> {
  const wanted = [...new Set(ids)];
  if (wanted.length === 0) throw new UsageError(`${title}: name a node by its ID`);
  const failures: string[] = [];
  for (const id of wanted) {
    try {
      await work(id);
      answer(`${done} ${id}`);
    } catch (error) {
      failures.push(`${id}: ${errorLine(error)}`);
    }
  }
  const [only] = failures;
  if (only === undefined) return;
  if (failures.length === 1) throw new UserError(`${title}: ${only}`);
  const lines = [`${title}: ${failures.length} of ${wanted.length} nodes failed`, ...failures];
  throw new UserError(lines.join("\n  "));
}
