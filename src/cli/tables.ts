import Table from "cli-table3";
import type { MetricResult } from "../metrics/index.js";
import type { Measured } from "../run/report.js";

/** A table of text; every column after the first is aligned to the right unless `left` names it. */
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

/** cli-table3 draws a rule under the head only where it draws one under every row. */
function withRuleUnderHead(text: string): string {
  const [top, head, ...rest] = text.split("\n");
  const rule = top.replace("┌", "├").replace("┐", "┤").replaceAll("┬", "┼");
  return [top, head, rule, ...rest].join("\n");
}

/** AUC, log loss and normalised entropy of each model; why a metric is undefined is said below the table. */
export function metricsTable(results: readonly Measured[]): string {
  const rows = results.map(({ name, evaluation }) => [
    name,
    cell(evaluation.auc, 4),
    cell(evaluation.logLoss, 5),
    cell(evaluation.normalizedEntropy, 5),
  ]);
  const grid = table(["model", "AUC", "log loss", "normalised entropy"], rows);
  return [grid, ...reasonsOf(results)].join("\n");
}

function cell(result: MetricResult, digits: number): string {
  return result.defined ? result.value.toFixed(digits) : "undefined";
}

function reasonsOf(results: readonly Measured[]): string[] {
  const reasons = results.flatMap(({ evaluation: { auc, logLoss, normalizedEntropy } }) =>
    Object.entries({ AUC: auc, "log loss": logLoss, "normalised entropy": normalizedEntropy }).flatMap(
      ([name, result]) => (result.defined ? [] : [`${name} is undefined: ${result.reason}`]),
    ),
  );
  return [...new Set(reasons)];
}

/** `2,300,000` */
export const count = (value: number): string => value.toLocaleString("en-US");

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
