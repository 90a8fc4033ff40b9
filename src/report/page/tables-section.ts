import { count } from "../../show-value.js";
import type { ReportData } from "../report-data.js";
import { type Html, html } from "./html.js";
import { percent } from "./numbers.js";
import { table } from "./sections.js";

type Table = NonNullable<ReportData["tables"]>[string];

/** The dynamic tables; nothing if the model has none. */
export function tablesSection({ tables }: ReportData): Html {
  if (!tables) return html``;
  const rows = Object.entries(tables).map(([name, each]) => [
    name,
    count(each.size),
    shareOf(each.size, each.capacity),
    count(each.admitted),
    count(each.evicted),
    count(each.rejected),
    shareOf(each.hits, each.lookups),
  ]);
  const head = ["table", "ids", "load", "admitted", "evicted", "occurrences rejected", "hit rate"];
  const histograms = Object.entries(tables).map(([name, each]) => histogramOf(name, each));
  return html`<section><h2>Dynamic tables</h2><p class="note">At the end of the training.</p>${table(head, rows)}${histograms}</section>`;
}

function histogramOf(name: string, { counts, histogram }: Table): Html {
  const rows = histogram
    .filter(({ keys }) => keys > 0)
    .map(({ from, to, keys }) => [
      to - from === 1 ? count(from) : `${count(from)} to ${count(to - 1)}`,
      count(keys),
    ]);
  const head = counts === "age" ? `${name}: steps since the last use` : `${name}: occurrences`;
  return html`<details><summary>${head}</summary>${table([head, "ids"], rows)}</details>`;
}

const shareOf = (part: number, whole: number) => (whole === 0 ? "" : percent(part / whole));
