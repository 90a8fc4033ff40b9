import { type Bytes, type Seconds, total } from "../plan/cost.js";
import type { planFile } from "../plan/plan-file.js";
import { count } from "../show-value.js";
import { filled } from "./fill-lines.js";
import { bytes, percent } from "./tables.js";
import { table, tables } from "./text-table.js";

type PlanFile = ReturnType<typeof planFile>;
type PlannedTable = PlanFile["tables"][number];

/** Tables that are shown one by one: the largest. */
const MOST_TABLES = 40;
/** Ranges of ranks that are shown, and by how much the numbers of a range differ at most. */
const MOST_RANGES = 16;
const ALIKE = 0.05;

/** A plan as text for a terminal. */
export function planText(plan: PlanFile): string {
  return [
    heading(plan),
    tablesOf(plan),
    filled("bytes: with optimizer states; unique: different rows that a rank looks up in a step"),
    memoryOf(plan),
    timesOf(plan),
    filled(memoryLine(plan)),
    ...(plan.fits ? [filled(stepLine(plan)), filled(boundLine(plan))] : waysOf(plan)),
    ...guessesOf(plan),
  ].join("\n");
}

function heading({ ranks, batch, accumulationGroups }: PlanFile): string {
  const of = ranks.length === 1 ? "1 rank" : `${count(ranks.length)} ranks`;
  return `Plan for ${of}: steps of ${count(batch)} rows in ${accumulationGroups} accumulation groups`;
}

const bytesOf = (each: PlannedTable): number => each.bytes.tables + each.bytes.states;

function tablesOf({ tables: all, ranks }: PlanFile): string {
  const sorted = [...all].sort((a, b) => bytesOf(b) - bytesOf(a));
  const shown = sorted.slice(0, MOST_TABLES);
  const rows = shown.map((each) => [
    nameOf(each),
    count(each.rows),
    String(each.dim),
    bytes(bytesOf(each)),
    rowsAStep(each),
    placeText(each, ranks.length),
    each.why,
  ]);
  const head = ["table", "rows", "dim", "bytes", "unique", "placement", "why"];
  const rest = sorted.slice(MOST_TABLES);
  const more = rest.reduce((sum, each) => sum + bytesOf(each), 0);
  return [
    table(head, rows, [5, 6]),
    ...(rest.length > 0 ? [`and ${count(rest.length)} smaller tables, ${bytes(more)}`] : []),
  ].join("\n");
}

/** Without what all names of parameters have. */
const nameOf = ({ name }: PlannedTable): string => name.replace(/^embeddings\./, "").replace(/\.weight$/, "");

/** Different rows that a rank looks up; `~` says that nobody has counted them. */
const rowsAStep = ({ lookups: { rows, measured } }: PlannedTable): string =>
  `${measured ? "" : "~"}${count(Math.round(rows))}`;

function placeText(
  { placement: { firstRank, owners, columns = 1, copies } }: PlannedTable,
  ranks: number,
): string {
  if (ranks === 1) return "whole";
  if (copies) return "every rank";
  if (columns > 1) return owners === 1 ? "by columns" : `grid, ${columns} parts`;
  return owners === 1 ? `rank ${firstRank}` : owners === ranks ? "by rows" : `by rows, ${owners} ranks`;
}

const KINDS: readonly (keyof Bytes)[] = [
  "tables",
  "states",
  "keys",
  "dense",
  "arenas",
  "exchange",
  "process",
];
const PARTS: readonly (keyof Seconds)[] = ["compute", "list", "read", "update", "wire", "disk"];

const rounded = (value: number): string => bytes(Math.round(value));

function memoryOf({ ranks }: PlanFile): string {
  const kinds = KINDS.filter((kind) => ranks.some((each) => each.bytes[kind] > 0));
  const rows = ranks.map((each) => [...kinds.map((kind) => each.bytes[kind]), total(each.bytes)]);
  return `Memory by rank:\n${rangesTable(["rank", ...kinds, "total"], rows, (most) => most.map(rounded))}`;
}

function timesOf({ ranks }: PlanFile): string {
  const parts = PARTS.filter((part) => ranks.some((each) => each.seconds[part] > 0));
  const sends = ranks.map((each) => Object.values(each.sent).reduce((a, b) => a + b, 0));
  const rows = ranks.map((each, rank) => [
    ...parts.map((part) => each.seconds[part]),
    total(each.seconds),
    sends[rank],
  ]);
  const cells = (most: readonly number[]) => [
    ...most.slice(0, -1).map(milliseconds),
    rounded(most[most.length - 1]),
  ];
  return `A step by rank, in ms:\n${rangesTable(["rank", ...parts, "total", "sends"], rows, cells)}`;
}

/** @param rows numbers of each rank */
function rangesTable(
  head: readonly string[],
  rows: readonly (readonly number[])[],
  cells: (most: readonly number[]) => string[],
): string {
  const ranges = inRanges(rows);
  const lines = ranges.slice(0, MOST_RANGES).map(({ first, last, most }) => {
    return [first === last ? String(first) : `${first} to ${last}`, ...cells(most)];
  });
  const more = ranges.at(MOST_RANGES);
  return tables(head, lines) + (more ? `\nand ranks ${more.first} to ${rows.length - 1} (--json)` : "");
}

interface Range {
  first: number;
  last: number;
  /** Of any of its ranks. */
  most: number[];
}

/** Ranks that follow each other and hardly differ have one line. */
function inRanges(rows: readonly (readonly number[])[]): Range[] {
  const ranges: (Range & { of: readonly number[] })[] = [];
  rows.forEach((of, rank) => {
    const before = ranges.at(-1);
    if (!before?.of.every((value, i) => Math.abs(value - of[i]) <= ALIKE * value)) {
      ranges.push({ first: rank, last: rank, of, most: [...of] });
      return;
    }
    before.last = rank;
    before.most = before.most.map((value, i) => Math.max(value, of[i]));
  });
  return ranges;
}

const milliseconds = (seconds: number): string => Number((1000 * seconds).toPrecision(3)).toString();

function memoryLine({ memory: { most, limit }, fits }: PlanFile): string {
  const of = `${rounded(most)} of ${rounded(limit)} (a tenth of the memory is left free)`;
  return fits
    ? `Fits: the fullest rank takes ${of}.`
    : `Does not fit: the fullest rank would take ${of}, ${rounded(most - limit)} too much.`;
}

function stepLine({ seconds, samplesPerSecond, binding }: PlanFile): string {
  const rate = count(Number(samplesPerSecond.toPrecision(3)));
  return `A step takes ${milliseconds(seconds)} ms, ${rate} rows a second; the longest part of it is ${BINDING[binding]}.`;
}

const BINDING: Readonly<Record<PlanFile["binding"], string>> = {
  memory: "memory",
  compute: "computing",
  list: "listing rows",
  read: "reading rows for all ranks",
  update: "updating rows",
  wire: "sending and receiving",
  disk: "reading rows from files",
};

function boundLine({ exact, seconds, bound, tables }: PlanFile): string {
  if (exact) return "All placements with equal shares were tried: none is faster.";
  const gap = Math.max(0, seconds / bound - 1);
  const shares = tables.some(({ placement }) => placement.starts) ? "" : " with equal shares";
  return `No placement${shares} is faster than ${milliseconds(bound)} ms: this one is within ${percent(gap)}.`;
}

function waysOf({ waysOut }: PlanFile): string[] {
  if (waysOut.length === 0)
    return [
      "Neither 16-bit tables, nor smaller states, nor more ranks make it fit: give each rank more memory.",
    ];
  const rows = waysOut.map(({ change, seconds, bytes: most }) => [
    change,
    `${milliseconds(seconds)} ms`,
    rounded(most),
  ]);
  return ["It would fit with one of these:", table(["change", "a step", "fullest rank"], rows)];
}

function guessesOf({ guesses }: PlanFile): string[] {
  if (guesses.length === 0) return [];
  return [
    "",
    "Guesses, since nobody has measured them:",
    ...guesses.map((guess) => filled(`  ${guess}`, "    ")),
  ];
}
