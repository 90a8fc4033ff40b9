import Table from "cli-table3";
import { TERMINAL_WIDTH } from "./fill-lines.js";

type Row = readonly string[];

/**
 * A text table that fits into a terminal where it can: heads and long texts are broken, then the last columns of numbers
 * become a table of their own. Columns after the first are right-aligned unless `left` names them.
 */
export function table(head: Row, rows: readonly Row[], left: readonly number[] = []): string {
  const isText = (column: number) => column === 0 || left.includes(column);
  const lines = fitted([head, ...rows], isText);
  const numbers = head.map((_, i) => i).filter((i) => !isText(i));
  if (tableWidth(lines) <= TERMINAL_WIDTH || numbers.length < 2) return drawn(lines, isText);
  const parts = [numbers.slice(0, -1), numbers.slice(-1)].map((some) =>
    head.map((_, i) => i).filter((i) => isText(i) || some.includes(i)),
  );
  return parts
    .map((columns) =>
      table(
        columns.map((i) => head[i]),
        rows.map((row) => columns.map((i) => row[i])),
        columns.map((i, at) => (isText(i) ? at : -1)).filter((at) => at > 0),
      ),
    )
    .join("\n");
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

/** A text in lines of a width: broken after a space or a sign where there is one, else within a word. */
function broken(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  const lines = [""];
  for (const word of text.match(/[^\s._/,-]*[\s._/,-]*/g)!.flatMap((part) => chunks(part, width))) {
    const last = lines.length - 1;
    if ((lines[last] + word).trimEnd().length <= width) lines[last] += word;
    else lines.push(word);
  }
  return lines.map((line) => line.trimEnd()).join("\n");
}

const chunks = (text: string, width: number): string[] => text.match(new RegExp(`.{1,${width}}`, "gs")) ?? [];

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
