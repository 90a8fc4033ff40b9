import { writeFileSync } from "node:fs";
import { Random } from "./random.js";

/** Makes one row of a table, with its label, from random draws. */
export type MakeRow = (random: Random) => Readonly<Record<string, string | number>>;

/** Writes the rows `first` to `first + count - 1` of a table as CSV; the same rows every time. */
export function writeRows(path: string, makeRow: MakeRow, first: number, count: number): void {
  const rows = Array.from({ length: count }, (_, i) => makeRow(new Random(0, first + i)));
  const lines = [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))];
  writeFileSync(path, `${lines.map((values) => values.join()).join("\n")}\n`);
}
