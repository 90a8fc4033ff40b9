import Table from "cli-table3";
import { fillLines, TERMINAL_WIDTH } from "./fill-lines.js";

type Row = readonly string[];

/**
 * A text table that fits into a terminal where it can: heads and texts are broken at spaces, never within a name. Columns
 * after the first are right-aligned unless `left` names them.
 */
export function table(head: Row, rows: readonly Row[], left: readonly number[] = []): string {
  const isText = (column: number) => column === 0 || left.includes(column);
  return drawn(fitted([head, ...rows], isText), isText);
}

/** {@link table}; the last columns of numbers are in further tables where they have no room. */
export function tables(head: Row, rows: readonly Row[], left: readonly number[] = []): string {
  const isText = (column: number) => column === 0 || left.includes(column);
  const columns = [...head.keys()];
  const numbers = columns.filter((column) => !isText(column));
  if (tableWidth(fitted([head, ...rows], isText)) <= TERMINAL_WIDTH || numbers.length < 2)
    return table(head, rows, left);
  const only = (kept: readonly number[]) => {
    const shown = columns.filter((column) => isText(column) || kept.includes(column));
    const of = (row: Row) => shown.map((column) => row[column]);
    return tables(of(head), rows.map(of), left);
  };
  const half = Math.ceil(numbers.length / 2);
  return `${only(numbers.slice(0, half))}\n${only(numbers.slice(half))}`;
}

/** Narrower columns of texts would be unreadable. */
const LEAST_WIDTH = 10;

/** The lines of a table, broken as far as it must be to fit. */
function fitted(lines: readonly Row[], isText: (column: number) => boolean): readonly Row[] {
  if (tableWidth(lines) <= TERMINAL_WIDTH) return lines;
  const [head, ...rows] = lines;
  const narrow = [head.map((text) => text.replaceAll(" ", "\n")), ...rows];
  const widths = columnWidths(narrow);
  const texts = widths.map((_, i) => i).filter(isText);
  for (let over = tableWidth(narrow) - TERMINAL_WIDTH; over > 0; over--) {
    const widest = texts.reduce((a, b) => (widths[b] > widths[a] ? b : a));
    if (widths[widest] <= LEAST_WIDTH) break;
    widths[widest]--;
  }
  return narrow.map((row) => row.map((text, i) => (isText(i) ? broken(text, widths[i]) : text)));
}

/** A text in lines of a width, broken at spaces. */
function broken(text: string, width: number): string {
  const [head, ...words] = text.split(" ");
  return textWidth(text) <= width ? text : fillLines(head, words, "", width).join("\n");
}

const textWidth = (text: string): number => Math.max(...text.split("\n").map((line) => line.length));
const columnWidths = (lines: readonly Row[]): number[] =>
  lines[0].map((_, i) => Math.max(...lines.map((row) => textWidth(row[i]))));

/** With a space on both sides of each column, and the lines between them. */
const tableWidth = (lines: readonly Row[]): number =>
  columnWidths(lines).reduce((sum, width) => sum + width + 3, 1);

function drawn([head, ...rows]: readonly Row[], isText: (column: number) => boolean): string {
  const grid = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (isText(i) ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 1, "padding-right": 1 },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  grid.push(...rows.map((row) => [...row]));
  return withRuleUnderHead(grid.toString(), Math.max(...head.map((text) => text.split("\n").length)));
}

/** cli-table3 can draw a line under the head only together with lines under all rows. */
function withRuleUnderHead(text: string, headLines: number): string {
  const lines = text.split("\n");
  const rule = lines[0].replace("┌", "├").replace("┐", "┤").replaceAll("┬", "┼");
  return [...lines.slice(0, 1 + headLines), rule, ...lines.slice(1 + headLines)].join("\n");
}
