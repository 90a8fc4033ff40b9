import { type Evaluation, METRIC_LIST, type MetricResult } from "../metrics/index.js";
import type { Measured } from "../run/report.js";
import { count } from "../show-value.js";
import { filled } from "./fill-lines.js";
import { tables } from "./text-table.js";

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
  return [tables(head, rows, several ? [1] : []), ...reasonsOf(lines, columns)].join("\n");
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
      return !result || result.defined ? [] : [filled(`${head} is undefined: ${result.reason}`, "  ")];
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
