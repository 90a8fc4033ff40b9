import type { CalibrationGroup, Histogram } from "../report-data.js";
import { type Html, html } from "./html.js";
import { short } from "./numbers.js";

/** Drawn at this size on a phone; larger screens scale it. */
const [WIDTH, HEIGHT] = [340, 220];
const PLOT = { left: 44, right: 12, top: 22, bottom: 32 };
/** Distances of ticks, times a power of ten. */
const STEPS = [1, 2, 2.5, 5, 10];
const MOST_TICKS = 6;

interface Range {
  readonly from: number;
  readonly to: number;
}

const xOf = (value: number, { from, to }: Range) =>
  PLOT.left + ((value - from) / (to - from)) * (WIDTH - PLOT.left - PLOT.right);
const yOf = (value: number, { from, to }: Range) =>
  HEIGHT - PLOT.bottom - ((value - from) / (to - from)) * (HEIGHT - PLOT.top - PLOT.bottom);
const at = (value: number) => value.toFixed(1);

/** Predicted means against actual means, beside the diagonal on which they are equal. */
export function calibrationPlot(groups: readonly CalibrationGroup[], title: string): Html {
  const all = groups.flatMap(({ predicted, actual }) => [predicted, actual]);
  const range = padded(Math.min(0, ...all), Math.max(...all));
  const [x, y] = [(value: number) => at(xOf(value, range)), (value: number) => at(yOf(value, range))];
  const points = groups.map(({ predicted, actual }) => `${x(predicted)},${y(actual)}`);
  const { from, to } = range;
  return plot(title, [
    axes(range, range, "predicted", "actual"),
    html`<line class="diagonal" x1="${x(from)}" y1="${y(from)}" x2="${x(to)}" y2="${y(to)}"/>`,
    html`<polyline class="line" points="${points.join(" ")}"/>`,
    groups.map(
      ({ predicted, actual, rows }) =>
        html`<circle class="dot" cx="${x(predicted)}" cy="${y(actual)}" r="3.5"><title>${rows} rows: predicted ${short(predicted)}, actual ${short(actual)}</title></circle>`,
    ),
  ]);
}

/** Rows by prediction; where labels are 0 and 1, those with 1 have another colour. */
export function histogramPlot({ edges, rows, positives }: Histogram, title: string): Html {
  const [xRange, yRange] = [padded(edges[0], edges.at(-1)!), padded(0, Math.max(...rows))];
  const bar = (name: string, bin: number, from: number, to: number) => {
    const [left, right] = [xOf(edges[bin], xRange), xOf(edges[bin + 1], xRange)];
    const [top, bottom] = [yOf(to, yRange), yOf(from, yRange)];
    return html`<rect class="${name}" x="${at(left + 0.5)}" width="${at(Math.max(0.5, right - left - 1))}" y="${at(top)}" height="${at(bottom - top)}"><title>${short(edges[bin])} to ${short(edges[bin + 1])}: ${rows[bin]} rows${positives ? `, ${positives[bin]} of them positive` : ""}</title></rect>`;
  };
  return plot(title, [
    axes(xRange, yRange, "predicted", "rows"),
    rows.map((total, bin) => {
      const positive = positives?.[bin] ?? 0;
      return [bar("negative", bin, positive, total), bar("positive", bin, 0, positive)];
    }),
  ]);
}

/** A horizontal bar of a share in [-1, 1]; negative shares have another colour. */
export function shareBar(share: number): Html {
  const width = (100 * Math.min(1, Math.abs(share))).toFixed(2);
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="${share < 0 ? "less" : "more"}" width="${width}" height="10"/></svg>`;
}

function plot(title: string, content: Parameters<typeof html>[1]): Html {
  return html`<svg class="plot" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${content}</svg>`;
}

/** A range that is not empty. */
const padded = (from: number, to: number): Range => ({ from, to: to > from ? to : from + 1 });

function axes(xRange: Range, yRange: Range, xTitle: string, yTitle: string): Html {
  const bottom = HEIGHT - PLOT.bottom;
  return html`${ticksOf(yRange).map((value) => {
    const y = at(yOf(value, yRange));
    return html`<line class="grid" x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${y}" y2="${y}"/><text x="${PLOT.left - 5}" y="${y}" dy="3.5" text-anchor="end">${tickText(value)}</text>`;
  })}${ticksOf(xRange).map(
    (value) =>
      html`<text x="${at(xOf(value, xRange))}" y="${bottom + 14}" text-anchor="middle">${tickText(value)}</text>`,
  )}<text class="title" x="${WIDTH - PLOT.right}" y="${HEIGHT - 4}" text-anchor="end">${xTitle}</text><text class="title" x="4" y="12">${yTitle}</text>`;
}

/** Round numbers in the range, at most six. */
function ticksOf({ from, to }: Range): number[] {
  const power = 10 ** Math.floor(Math.log10((to - from) / MOST_TICKS));
  const step = power * STEPS.find((each) => (to - from) / (power * each) < MOST_TICKS)!;
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

const tickText = (value: number): string =>
  Math.abs(value) < 1e-12 ? "0" : short(value).replace(/^(\d+),000$/, "$1k");
