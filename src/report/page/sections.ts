import { METRIC_LIST, type Metric, type MetricName } from "../../metrics/index.js";
import { ownValue } from "../../own-value.js";
import { count } from "../../show-value.js";
import type { Part, ReportData, Scored } from "../report-data.js";
import { type Html, html } from "./html.js";
import { duration, percent, short, signed } from "./numbers.js";
import { calibrationPlot, histogramPlot, shareBar } from "./svg.js";

/** A part of the page; without content, the sentence that says why it is left out. */
export function section(
  data: ReportData,
  { part, title, note }: { readonly part: Part; readonly title: string; readonly note?: string },
  content: Html | undefined,
): Html {
  const reason = data.leftOut[part] ?? "Not known.";
  const body = content ?? html`<p class="left-out">${reason}</p>`;
  return html`<section><h2>${title}</h2>${note && content && html`<p class="note">${note}</p>`}${body}</section>`;
}

/** A table that scrolls sideways in its own box. Columns after the first are numbers, unless `left` names them. */
export function table(
  head: readonly string[],
  rows: readonly (readonly (Html | string | undefined)[])[],
  left: readonly number[] = [],
): Html {
  const kind = (i: number) => (i === 0 || left.includes(i) ? "left" : "right");
  const cells = (row: (typeof rows)[number]) =>
    row.map((cell, i) =>
      i === 0 ? html`<th scope="row" class="left">${cell}</th>` : html`<td class="${kind(i)}">${cell}</td>`,
    );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${head[0]}"><table><thead><tr>${head.map((text, i) => html`<th scope="col" class="${kind(i)}">${text}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody></table></div>`;
}

export function warningList({ warnings }: ReportData): Html {
  if (warnings.length === 0) return html``;
  return html`<section class="warnings"><h2>Warnings</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul></section>`;
}

type Line = NonNullable<ReportData["results"]>["lines"][number];
type Values = Omit<Line, "name" | "rows">;

/** The metrics of tables for this kind of prediction, and recall@k. */
function columnsOf({ predicts, results }: ReportData): [string, Pick<Metric, "title" | "digits">][] {
  const first = (results?.lines[0] ?? {}) as Readonly<Record<string, unknown>>;
  const metrics = METRIC_LIST.filter(([name, { tables }]) => tables?.includes(predicts) && name in first);
  const recalls = Object.keys(first).filter((name) => name.startsWith("recall@"));
  return [
    ...metrics,
    ...recalls.map((name): [string, Pick<Metric, "title" | "digits">] => [name, { title: name, digits: 4 }]),
    ...(predicts === "probabilities"
      ? METRIC_LIST.filter(([name]) => name === ("calibration" satisfies MetricName))
      : []),
  ];
}

export function resultsTable(data: ReportData): Html | undefined {
  if (!data.results) return undefined;
  const columns = columnsOf(data);
  const lines = data.results.lines.flatMap(({ name, labels, ...values }): [string, string, Values][] =>
    labels
      ? Object.entries(labels).map(([label, of]) => [name, label, of as Values])
      : [[name, "", values as Values]],
  );
  const several = lines.some(([, label]) => label !== "");
  const head = ["model", ...(several ? ["label"] : []), ...columns.map(([, { title }]) => title)];
  const rows = lines.map(([name, label, values]) => [
    name,
    ...(several ? [label] : []),
    ...columns.map(([metric, { digits }]) => metricText(values, metric, digits)),
  ]);
  return table(head, rows, several ? [1] : []);
}

function metricText(values: Values, metric: string, digits: number): string {
  const value = (values as Readonly<Record<string, unknown>>)[metric];
  return typeof value === "number" ? value.toFixed(digits) : "undefined";
}

/** The figures at the top of the page. */
export function headline(data: ReportData): Html {
  const { training, results } = data;
  const own = results?.lines[0];
  const metrics = own
    ? columnsOf(data)
        .slice(0, 3)
        .map(([metric, { title, digits }]) => [
          own.labels ? `${title} (${Object.keys(own.labels)[0]})` : title,
          metricText(own as Values, metric, digits),
        ])
    : [];
  const facts = training
    ? [
        ["training", duration(training.seconds.train)],
        ["rows per second", count(Math.round(training.training.samplesPerSecond))],
        ["parameters", count(training.parameters.model)],
      ]
    : [];
  const figures = [...metrics, ...facts];
  return html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Calibration and histogram of each label. */
export function scoresOf({ scored, predicts }: ReportData): Html | undefined {
  if (!scored) return undefined;
  return html`${scored.labels.map(({ label, calibration, histogram }) => {
    const of = scored.labels.length > 1 ? `: ${label}` : "";
    const rows = calibration.map(({ rows, predicted, actual }, i) => [
      String(i + 1),
      count(rows),
      short(predicted),
      short(actual),
      predicts === "numbers" || actual === 0 ? "" : (predicted / actual).toFixed(2),
    ]);
    const head = ["group", "rows", "predicted", "actual", ...(predicts === "numbers" ? [] : ["ratio"])];
    return html`<div class="pair"><figure><figcaption>Calibration by decile${of}</figcaption>${calibrationPlot(calibration, `Calibration by decile${of}`)}</figure><figure><figcaption>Scores${of}${histogram.positives && html` <span class="key positive">${predicts === "classes" ? "right" : "positive"}</span> <span class="key negative">${predicts === "classes" ? "wrong" : "negative"}</span>`}</figcaption>${histogramPlot(histogram, `Histogram of scores${of}`)}</figure></div><details><summary>Calibration as a table${of}</summary>${table(
      head,
      rows.map((row) => row.slice(0, head.length)),
    )}</details>`;
  })}`;
}

const SHOWN_FEATURES = 25;

export function importanceTable({ scored }: ReportData): Html | undefined {
  if (!scored || scored.importance.length === 0) return undefined;
  const labels = Object.keys(scored.importance[0].change);
  const largest = Math.max(
    ...scored.importance.flatMap(({ change }) => Object.values(change)).map((v) => Math.abs(v ?? 0)),
    1e-12,
  );
  const metric = METRIC_LIST.find(([name]) => name === scored.importance[0].metric)![1];
  const heading = `change of ${metric.title}`;
  const head = [
    "feature",
    "",
    ...(labels.length > 1 ? labels.map((label) => `${heading}: ${label}`) : [heading]),
    "effect on the output",
  ];
  const rows = scored.importance.map(({ feature, change, effect }) => [
    feature,
    shareBar((change[labels[0]] ?? 0) / largest),
    ...labels.map((label) => {
      const value = change[label];
      return value === null ? "undefined" : signed(metric.better === "max" ? -value : value, metric.digits);
    }),
    short(effect),
  ]);
  const [shown, rest] = [rows.slice(0, SHOWN_FEATURES), rows.slice(SHOWN_FEATURES)];
  return html`${table(head, shown, [1])}${rest.length > 0 ? html`<details><summary>${rest.length} more features</summary>${table(head, rest, [1])}</details>` : undefined}`;
}

const LEVELS = 8;
const SHOWN_PAIRS = 8;

export function pairMap({ scored }: ReportData): Html | undefined {
  if (!scored || scored.pairs.features.length < 2) return undefined;
  const { features, strength } = scored.pairs;
  const most = Math.max(...strength.flat());
  if (most === 0) return html`<p>The model's output is a sum over features: no pair adds anything.</p>`;
  const level = (value: number) => Math.min(LEVELS - 1, Math.floor((LEVELS * value) / most));
  const cell = (i: number, j: number) =>
    i === j
      ? html`<td class="self"></td>`
      : html`<td class="h${level(strength[i][j])}" title="${features[i]} × ${features[j]}: ${short(strength[i][j])}">${short2(strength[i][j])}</td>`;
  const map = html`<div class="scroll" tabindex="0" role="region" aria-label="Strength of field pairs"><table class="heat"><thead><tr><th></th>${features.map((name, i) => html`<th scope="col" title="${name}">${i + 1}</th>`)}</tr></thead><tbody>${features.map((name, i) => html`<tr><th scope="row" class="left">${i + 1} ${name}</th>${features.map((_, j) => cell(i, j))}</tr>`)}</tbody></table></div>`;
  return html`${map}<details><summary>Strongest pairs</summary>${table(["pair", "strength"], strongestPairs(scored))}</details>`;
}

/** Two decimals at most: a cell is narrow. */
const short2 = (value: number): string =>
  value === 0 ? "0" : value >= 100 ? short(Math.round(value)) : value.toFixed(value >= 10 ? 1 : 2);

function strongestPairs({ pairs: { features, strength } }: Scored): string[][] {
  return features
    .flatMap((name, i) =>
      features.slice(0, i).map((other, j) => ({ pair: `${other} × ${name}`, value: strength[i][j] })),
    )
    .sort((a, b) => b.value - a.value)
    .slice(0, SHOWN_PAIRS)
    .map(({ pair, value }) => [pair, short(value)]);
}

export function splitTables({ splits }: ReportData): Html | undefined {
  const entries = Object.entries(splits);
  if (entries.length === 0) return undefined;
  const reasons = entries.flatMap(([split, { reasons }]) =>
    Object.entries(reasons).map(([reason, times]) => [split, reason, count(times)]),
  );
  return html`${table(
    ["split", "rows read", "used", "quarantined"],
    entries.map(([name, { rowsRead, rows, quarantined }]) => [
      name,
      count(rowsRead),
      count(rows),
      count(quarantined),
    ]),
  )}${reasons.length > 0 ? html`<details><summary>Why rows were quarantined</summary>${table(["split", "reason", "rows"], reasons, [1])}</details>` : undefined}${absences(entries)}${cutEntries(entries)}`;
}

/** The shares of missing and unknown values, for features that have any in some split. */
function absences(entries: readonly [string, ReportData["splits"][string]][]): Html {
  const names = [...new Set(entries.flatMap(([, { features }]) => Object.keys(features)))];
  if (names.length === 0) return html`<p>No feature has missing or unknown values.</p>`;
  const head = ["feature", ...entries.flatMap(([split]) => [`missing, ${split}`, `unknown, ${split}`])];
  const rows = names.map((name) => [
    name,
    ...entries.flatMap(([, { features }]) => {
      const { missing = 0, unknown = 0 } = ownValue(features, name) ?? {};
      return [percent(missing), percent(unknown)];
    }),
  ]);
  return html`<h3>Missing and unknown values</h3>${table(head, rows)}`;
}

/** The entries of sequences that are older than those that are kept. */
function cutEntries(entries: readonly [string, ReportData["splits"][string]][]): Html | undefined {
  const names = [...new Set(entries.flatMap(([, { cutEntries = {} }]) => Object.keys(cutEntries)))];
  if (names.length === 0) return undefined;
  const rows = names.map((name) => [
    name,
    ...entries.map(([, { cutEntries }]) => count(ownValue(cutEntries ?? {}, name) ?? 0)),
  ]);
  return html`<h3>Entries beyond the maximum of a sequence, which are cut</h3>${table(["feature", ...entries.map(([split]) => split)], rows)}`;
}

const SHOWN_INSTRUCTIONS = 10;

export function instructionTable({ instructions }: ReportData): Html | undefined {
  if (!instructions) return undefined;
  const rows = instructions.lines
    .slice(0, SHOWN_INSTRUCTIONS)
    .map((line) => [
      line.instructions > 1 ? `${line.op} ×${line.instructions}` : line.op,
      html`${shareBar(line.share)}`,
      percent(line.share),
      line.gflops_per_s.toFixed(1),
      line.gbytes_per_s.toFixed(1),
      html`<code>${line.shapes}</code>`,
      line.parameter,
    ]);
  const others = instructions.lines.slice(SHOWN_INSTRUCTIONS).reduce((sum, { share }) => sum + share, 0);
  const outside = instructions.packing_share + instructions.folding_share + instructions.outside_share;
  const rest = [
    ["other instructions", others],
    ["waiting, and outside instructions", outside],
  ] as const;
  return table(
    ["instruction", "", "time", "GFLOP/s", "GB/s", "operands", "parameter"],
    [
      ...rows,
      ...rest
        .filter(([, share]) => share > 0)
        .map(([name, share]) => [name, shareBar(share), percent(share), "", "", "", ""]),
    ],
    [1, 5, 6],
  );
}
