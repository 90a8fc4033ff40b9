import Table from "cli-table3";
import { type Evaluation, METRIC_LIST, type MetricResult } from "../metrics/index.js";
import type { Measured } from "../run/report.js";
import { count } from "../show-value.js";

/** A text table; columns after the first are right-aligned unless `left` names them. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  left: readonly number[] = [],
): string {
  const grid = new Table({
    head: [...head],
    colAligns: head.map((_, i) => (i === 0 || left.includes(i) ? "left" : "right")),
    style: { head: [], border: [], "padding-left": 1, "padding-right": 1 },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  grid.push(...rows.map((row) => [...row]));
  return withRuleUnderHead(grid.toString());
}

/** cli-table3 can draw a line under the head only together with lines under all rows. */
function withRuleUnderHead(text: string): string {
  const [top, head, ...rest] = text.split("\n");
  const rule = top.replace("┌", "├").replace("┐", "┤").replaceAll("┬", "┼");
  return [top, head, rule, ...rest].join("\n");
}

/** The main metrics of each model (and label); reasons of undefined metrics are below the table. */
export function metricsTable(results: readonly Measured[]): string {
  const columns = columnsOf(results[0].evaluation);
  const lines = results.flatMap(linesOf);
  const several = lines.some(({ label }) => label !== undefined);
  const rows = lines.map(({ name, label, evaluation }) => [
    name,
    ...(several ? [label ?? ""] : []),
    ...columns.map(({ of, digits }) => cell(of(evaluation), digits)),
  ]);
  const head = ["model", ...(several ? ["label"] : []), ...columns.map((column) => column.head)];
  return [table(head, rows, several ? [1] : []), ...reasonsOf(lines, columns)].join("\n");
}

function linesOf({ name, evaluation }: Measured): (Measured & { readonly label?: string })[] {
  if (!evaluation.labels) return [{ name, evaluation }];
  return [...evaluation.labels].map(([label, of]) => ({ name, label, evaluation: of }));
}

/** `, 21.6 % positive` for each label; empty if labels are not 0 and 1. */
export function positiveShares({ baseRate, labels }: Evaluation): string {
  const shares = labels
    ? [...labels].map(([label, of]) => [`${label} `, of.baseRate] as const)
    : [["", baseRate] as const];
  return shares.map(([of, rate]) => (rate.defined ? `, ${of}${percent(rate.value)} positive` : "")).join("");
}

interface MetricColumn {
  readonly head: string;
  readonly digits: number;
  readonly of: (evaluation: Evaluation) => MetricResult | undefined;
}

function columnsOf({ predicts, recallAt = {}, ...evaluation }: Evaluation): readonly MetricColumn[] {
  const shown = METRIC_LIST.filter(([name, { tables }]) => tables?.includes(predicts) && evaluation[name]);
  const columns = shown.map(
    ([name, { title, digits }]): MetricColumn => ({ head: title, digits, of: (of) => of[name] }),
  );
  const recalls = Object.keys(recallAt).map(
    (k): MetricColumn => ({ head: `recall@${k}`, digits: 4, of: (of) => of.recallAt?.[Number(k)] }),
  );
  return [...columns, ...recalls];
}

/** Empty if the model does not have this metric. */
function cell(result: MetricResult | undefined, digits: number): string {
  if (!result) return "";
  return result.defined ? result.value.toFixed(digits) : "undefined";
}

function reasonsOf(results: readonly Measured[], columns: readonly MetricColumn[]): string[] {
  const reasons = results.flatMap(({ evaluation }) =>
    columns.flatMap(({ head, of }) => {
      const result = of(evaluation);
      return !result || result.defined ? [] : [`${head} is undefined: ${result.reason}`];
    }),
  );
  return [...new Set(reasons)];
}

/** `21.6 %` */
export const percent = (share: number): string => `${Number((100 * share).toPrecision(3))} %`;

/** `1.4 MB` (powers of ten, as disks count). */
export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  return power === 0 ? `${value} bytes` : `${Number((value / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}
