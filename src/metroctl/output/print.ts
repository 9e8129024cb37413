// One answer, three forms: a table for people, JSON and YAML for programs. The
// flags that choose are the same for every command that answers with rows.
import { answer } from "./message.ts";
import { printableJson } from "./printable.ts";
import { columnsOf, type Row, renderTable } from "./table.ts";
import { UsageError } from "./user-error.ts";

/** Flags of commands that answer with rows. */
export const outputArgs = {
  output: {
    type: "enum",
    alias: "o",
    options: ["table", "json", "yaml"] as string[],
    default: "table",
    description: "How to print the answer",
  },
  columns: {
    type: "string",
    description: "Columns of the table to print, separated by commas",
    valueHint: "name,…",
  },
} as const;

/** What {@link outputArgs} parse to. */
export interface OutputArgs {
  readonly output: string;
  readonly columns?: string | undefined;
}

/**
 * Prints rows as a table, or `records` (the whole truth) as JSON or YAML.
 *
 * Throws a {@link UsageError} for a column that does not exist.
 */
export async function print(
  args: OutputArgs,
  rows: readonly Row[],
  records: readonly unknown[],
  defaults?: readonly string[],
): Promise<void> {
  switch (args.output) {
    case "json":
      return answer(printableJson(records, 2));
    case "yaml": {
      const { stringify } = await import("yaml");
      return answer(stringify(records));
    }
    default:
      return answer(renderTable(rows, chosenColumns(args, defaults ?? columnsOf(rows), rows)));
  }
}

/**
 * The columns that were asked for, else the defaults.
 *
 * Throws a {@link UsageError} for a column that neither defaults nor rows have.
 */
export function chosenColumns(
  { columns }: Pick<OutputArgs, "columns">,
  defaults: readonly string[],
  rows: readonly Row[],
): readonly string[] {
  if (columns === undefined || columns === "") return defaults;
  const names = columns.split(",").map((name) => name.trim().toLowerCase());
  const known = new Set([...defaults, ...columnsOf(rows)]);
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UsageError(`no column ${unknown}: there are ${[...known].join(", ")}`);
  return names;
}
