import type { ReportData } from "../report-data.js";
import { binRows, TABLE_HEAD, TIER_HEAD, tableRows, tierRows } from "../table-rows.js";
import { type Html, html } from "./html.js";
import { percent } from "./numbers.js";
import { table } from "./sections.js";

type Table = NonNullable<ReportData["tables"]>[string];

/** The dynamic tables; nothing if the model has none. */
export function tablesSection({ tables }: ReportData): Html {
  if (!tables) return html``;
  const histograms = Object.entries(tables).map(([name, each]) => histogramOf(name, each));
  return html`<section><h2>Dynamic tables</h2><p class="note">At the end of the training.</p>${table(TABLE_HEAD, tableRows(tables, percent))}${histograms}</section>`;
}

/** The tables larger than memory; nothing if the model has none. */
export function tiersSection({ tiers }: ReportData): Html {
  if (!tiers) return html``;
  return html`<section><h2>Tables larger than memory</h2><p class="note">During the last training process; each row that a batch uses counts once.</p>${table(TIER_HEAD, tierRows(tiers, percent))}</section>`;
}

function histogramOf(name: string, { counts, histogram }: Table): Html {
  const head = counts === "age" ? `${name}: steps since the last use` : `${name}: occurrences`;
  return html`<details><summary>${head}</summary>${table([head, "ids"], binRows(histogram))}</details>`;
}
