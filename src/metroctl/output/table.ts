// Tables for the terminal: upper-case headers, every cell left-aligned and
// padded to the widest of its column plus three blanks.

/** A row: cells by lower-case column name; a cell left out prints as nothing. */
export type Row = Readonly<Record<string, string>>;

const GAP = 3;

/** The columns of some rows, in the order in which they first appear. */
export function columnsOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** Lays rows out as text, one line each below a line of headers. */
export function renderTable(rows: readonly Row[], columns: readonly string[]): string {
  const lines = [
    columns.map((name) => name.toUpperCase()),
    ...rows.map((row) => columns.map((name) => row[name] ?? "")),
  ];
  const widths = columns.map((_, at) => Math.max(...lines.map((cells) => cells[at]?.length ?? 0)));
  return lines
    .map((cells) =>
      cells
        .map((cell, at) => cell.padEnd((widths[at] ?? 0) + GAP))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
