import type { ColumnProfile } from "../init/column.js";
import type { Looks } from "../init/looks.js";
import type { Profile } from "../init/profile.js";
import { count } from "../show-value.js";
import { filled, fillLines, withCommas } from "./fill-lines.js";
import { percent } from "./tables.js";
import { table } from "./text-table.js";

/** The profile of a table, for a terminal of 80 columns. */

const LONGEST_NAME = 24;

/** One line for each column. */
export function columnTable({ columns, rows, label }: Profile): string {
  const lines = columns.map((column) => [
    shortened(column.name, LONGEST_NAME),
    LOOKS[column.looks.as],
    percent(column.missing / rows),
    `${column.isExact ? "" : "~"}${count(column.distinct)}`,
    ...(label ? [column.auc?.toFixed(3) ?? (column.name === label.name ? "label" : "")] : []),
    column.drift?.toFixed(3) ?? "",
  ]);
  return table(
    ["column", "looks like", "missing", "distinct", ...(label ? ["AUC"] : []), "drift"],
    lines,
    [1],
  );
}

const LOOKS: Readonly<Record<Looks["as"], string>> = {
  empty: "no value",
  number: "number",
  id: "id",
  date: "date",
  bag: "list of ids",
  vector: "vector",
  words: "text",
  unreadable: "unreadable",
};

/** For each column its range and its most frequent values; with a label, the share of high labels behind them. */
export function valueLines({ columns, label }: Profile): string[] {
  const head = label
    ? [filled(`Values, with their share of the rows (in brackets: ${whatIsHigh(label.task)})`)]
    : ["Values, with their share of the rows"];
  return head.concat(columns.flatMap((column) => linesOf(column.name, [...range(column), ...top(column)])));
}

function whatIsHigh(task: NonNullable<Profile["label"]>["task"]): string {
  if (task === "binary") return "the share of positive labels";
  return task === "classes" ? "the share of the most frequent class" : "the share of labels above the median";
}

function range({ looks, ranges }: ColumnProfile): string[] {
  if (looks.as === "date") return [`${dayOf(looks.first)} to ${dayOf(looks.last)}`];
  if (looks.as !== "number") return [];
  const { min, max, mean, quantiles } = looks.numbers;
  if (!ranges || ranges.length < 2)
    return [`${short(min)} to ${short(max)}, mean ${short(mean)}, median ${short(quantiles[10])}`];
  return ranges.map(({ from, to, rate }) => `${short(from)} to ${short(to)} (${percent(rate)})`);
}

function top({ top: values, looks }: ColumnProfile): string[] {
  const shown =
    looks.as === "number" || looks.as === "date"
      ? values.slice(0, 3).filter(({ share }) => share >= 0.1)
      : values.slice(0, 5);
  return shown.map(({ value, share, rate }) => {
    const name = value === "" ? '""' : shortened(value, LONGEST_NAME);
    return `${name} ${percent(share)}${rate === undefined ? "" : ` (${percent(rate)})`}`;
  });
}

/** A name and what is said about it. */
const linesOf = (name: string, parts: readonly string[]): string[] =>
  fillLines(`  ${shortened(name, LONGEST_NAME)}:`, withCommas(parts), "    ");

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);
const short = (value: number): string => String(Number(value.toPrecision(4)));

/** On one line, whatever characters the text has. */
function shortened(text: string, most: number): string {
  const line = text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
