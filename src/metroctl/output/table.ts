// Tables for the terminal: upper-case headers, every cell left-aligned and
// padded to the widest of its column plus three blanks.

import { printable } from "./printable.ts";

/** A row: cells by lower-case column name; a cell left out prints as nothing. */
export type Row = Readonly<Record<string, string>>;

const GAP = 3;

/** The columns of some rows, in the order in which they first appear. */
export function columnsOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row)))];
}

/** Lays rows out as text, one line each below a line of headers. */
export function renderTable(rows: readonly Row[], columns: readonly string[]): string {
  return new GrowingTable(columns).render(rows);
}

/** A table that gets more rows later: columns stay where they are, unless a cell needs more room. */
export class GrowingTable {
  readonly #columns: readonly string[];
  #widths: readonly number[] = [];

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  /** Lays rows out as text, one line each; the first time below a line of headers. */
  render(rows: readonly Row[]): string {
    const head = this.#widths.length === 0 ? [this.#columns.map((name) => name.toUpperCase())] : [];
    const lines = [
      ...head,
      ...rows.map((row) => this.#columns.map((name) => printable(row[name] ?? ""))),
    ];
    this.#widths = this.#columns.map((_, at) =>
      lines.reduce(
        (width, cells) => Math.max(width, cells[at]?.length ?? 0),
        this.#widths[at] ?? 0,
      ),
    );
    return lines.map((cells) => this.#line(cells)).join("\n");
  }

  #line(cells: readonly string[]): string {
    return cells
      .map((cell, at) => cell.padEnd((this.#widths[at] ?? 0) + GAP))
      .join("")
      .trimEnd();
  }
}
