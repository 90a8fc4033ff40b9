import { relative } from "node:path";
import type { PackedDataset } from "../data/pack/packed.js";
import type { Next } from "../data/stretch/growing-source.js";
import type { Reads } from "../data/stretch/position.js";
import { count } from "../show-value.js";
import { percent, plural } from "./tables.js";

/** What a source has after what a run has read. */
export function newRowsLines(number: number, { reads, copies = 0, late = 0, lateEqual = 0 }: Next): string[] {
  const lines = reads ? [`Stretch ${count(number)}: ${readsText(reads)}`] : ["There are no new rows."];
  if (copies > 0)
    lines.push(
      `      ${plural(copies, "new file")} with the content of a file that was read: not read again`,
    );
  if (late > 0)
    lines.push(
      `      ${plural(late, "row")} came too late and ${late === 1 ? "is" : "are"} not trained on: ${count(lateEqual)} with the last value read, ${count(late - lateEqual)} below it`,
    );
  return lines;
}

function readsText(reads: Reads): string {
  if ("files" in reads) {
    const [{ path }] = reads.files;
    return reads.files.length === 1 ? relative("", path) : `${count(reads.files.length)} new files`;
  }
  if ("cursor" in reads) return `rows with a new value of ${reads.cursor.column}`;
  const messages = reads.ranges.reduce((sum, range) => sum + range.count, 0);
  return `${plural(messages, "message")} of the topic ${reads.topic}`;
}

/** What has been packed of a stretch. */
export function stretchLines(
  number: number,
  { rows, rowsRead, quarantined, leftOut, reasons }: PackedDataset,
  added: Readonly<Record<string, number>>,
): string[] {
  const parts = [plural(rows, "row")];
  if (quarantined > 0) parts.push(`${count(quarantined)} quarantined (${percent(quarantined / rowsRead)})`);
  if (leftOut > 0) parts.push(`${count(leftOut)} left out`);
  return [
    `Stretch ${count(number)}: ${parts.join(", ")}`,
    ...Object.entries(reasons)
      .slice(0, 5)
      .map(([reason, times]) => `        ${count(times)} × ${reason}`),
    ...Object.entries(added).map(([table, values]) => `      ${table}: ${plural(values, "new value")}`),
  ];
}
