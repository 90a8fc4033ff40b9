import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { count } from "../../show-value.js";
import type { ReportData, RunState } from "../report-data.js";
import { chartsOf, namedCurves } from "./chart-groups.js";
import { Html, html, jsonBlock } from "./html.js";
import { percent, short } from "./numbers.js";
import {
  headline,
  importanceTable,
  instructionTable,
  pairMap,
  resultsTable,
  scoresOf,
  section,
  splitTables,
  table,
  warningList,
} from "./sections.js";
import { tablesSection, tiersSection } from "./tables-section.js";

const assetText = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../../assets/report/${name}`, import.meta.url)), "utf8");
const uplotText = (name: string) =>
  readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), "utf8");

/** What the server of a live page adds to it. */
export interface PageOptions {
  /** The page asks its server for changes, and may connect to nothing else. */
  readonly live?: boolean;
}

/** The page of a run: one file that needs no network. Only the scripts and styles written here can run in it. */
export function reportPage(data: ReportData, { live = false }: PageOptions = {}): string {
  const style = `${uplotText("uPlot.min.css")}\n${assetText("page.css")}`;
  const script = `${uplotText("uPlot.iife.min.js")}\n${assetText("page.js")}`;
  const policy = [
    "default-src 'none'",
    `style-src '${hashOf(style)}'`,
    `script-src '${hashOf(script)}'`,
    "img-src data:",
    ...(live ? ["connect-src 'self'"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return html`<!doctype html>
<html lang="en"${live ? new Html(" data-live") : undefined}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.run}: ${data.model}</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
${body(data)}
<script type="application/json" id="charts">${jsonBlock(chartsOf(data))}</script>
<script>${new Html(script)}</script>
</body>
</html>
`.text;
}

/** As in the header of a content security policy. */
const hashOf = (text: string) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

const STATES: Readonly<Record<RunState, string>> = {
  training: "training",
  finished: "finished",
  earlyStopping: "stopped early: no better on the validation split",
  interrupted: "interrupted",
  ended: "not running",
};

function body(data: ReportData): Html {
  const { scored } = data;
  const on = scored && `${rowsText(data)}.`;
  return html`<header><p class="brand">Pairloom</p><h1>${data.run}</h1><p class="sub"><b>${data.model}</b> · <span id="state">${stateText(data)}</span></p></header>
<main>
${headline(data)}
${warningList(data)}
<section><h2>Learning curves</h2><div id="curves">${data.curves.length === 0 ? html`<p class="left-out">${data.leftOut.curves}</p>` : undefined}</div><noscript><p>The curves need JavaScript; the table does not.</p></noscript><details><summary>Curves as a table</summary><div id="curve-table">${curveTable(data)}</div></details></section>
${section(data, { part: "results", title: `Metrics${data.results ? ` on the ${data.results.split} split` : ""}`, note: METRICS_NOTE[data.predicts] }, resultsTable(data))}
${section(data, { part: "scored", title: "Calibration and scores", note: on }, scoresOf(data))}
${section(data, { part: "scored", title: "Feature importance", note: `How the metric changes when a feature has the values of other rows. ${on ?? ""}` }, importanceTable(data))}
${section(data, { part: "scored", title: "Strength of field pairs", note: "What two features say together and neither says alone: the standard deviation of that part of the model's output." }, pairMap(data))}
${section(data, { part: "splits", title: "Data" }, splitTables(data))}
${tablesSection(data)}
${tiersSection(data)}
${exportsSection(data)}
${section(data, { part: "instructions", title: "Slowest instructions", note: "Where the time of scoring goes." }, instructionTable(data))}
<section><h2>Config</h2><details><summary>The resolved config</summary><pre tabindex="0">${JSON.stringify(data.config, null, 2)}</pre></details></section>
</main>
<footer>${footer(data)}</footer>`;
}

/** Links to what was exported, beside the page in the run directory; nothing if there is nothing. */
function exportsSection({ exports }: ReportData): Html {
  if (!exports) return html``;
  const links = exports.map(
    (name) => html`<li><a href="exports/${encodeURIComponent(name)}">${name}</a></li>`,
  );
  return html`<section><h2>Exports</h2><p class="note">For other programs, in the folder exports of the run.</p><ul>${links}</ul></section>`;
}

const METRICS_NOTE = {
  probabilities:
    "Normalized entropy compares the log loss with that of the base rate of these rows: below 1 is better. Calibration is the mean prediction divided by the mean label: 1 is right.",
  classes:
    "Normalized entropy compares the log loss with that of the class shares of these rows: below 1 is better.",
  numbers: "XAUC is the share of pairs of rows in the right order.",
};

export function stateText({
  state,
  curves,
  training,
}: Pick<ReportData, "state" | "curves" | "training">): string {
  const step = Math.max(training?.training.step ?? 0, ...curves.map(({ steps }) => steps.at(-1) ?? 0));
  return `${STATES[state]}, step ${count(step)}`;
}

function rowsText({ scored, checkpoint }: ReportData): string {
  const { rows, splitRows, split } = scored!;
  const which =
    rows === splitRows ? `All ${count(rows)} rows` : `A random ${count(rows)} of ${count(splitRows)} rows`;
  return `${which} of the ${split} split, scored with checkpoint ${checkpoint!.name}`;
}

/** The curves in numbers. */
export function curveTable(data: Pick<ReportData, "curves">): Html {
  const rows = namedCurves(data).map(({ label, steps, values }) => {
    const known = values.filter((value) => value !== null);
    const numbers = [known[0], known.at(-1), Math.min(...known), Math.max(...known)];
    return [
      label,
      String(values.length),
      ...numbers.map((value) => (known.length > 0 ? short5(value!) : "")),
      count(steps.at(-1)!),
    ];
  });
  return table(["curve", "points", "first", "last", "lowest", "highest", "last step"], rows);
}

const short5 = (value: number): string =>
  Math.abs(value) >= 1e-3 ? String(Number(value.toPrecision(5))) : short(value);

function footer({ pairloom, training, splits }: ReportData): string {
  const train = splits.train && `trained on ${count(splits.train.rows)} rows`;
  const refused = splits.train?.quarantined
    ? `, ${percent(splits.train.quarantined / splits.train.rowsRead)} quarantined`
    : "";
  const machine =
    training && `${training.backend}, ${training.threads} ${training.threads === 1 ? "thread" : "threads"}`;
  return [`Pairloom ${pairloom}`, train && train + refused, machine].filter(Boolean).join(" · ");
}
