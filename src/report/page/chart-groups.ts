import { METRIC_LIST } from "../../metrics/index.js";
import type { Curve, ReportData } from "../report-data.js";

/** Curves that share axes. */
export interface Chart {
  readonly title: string;
  readonly curves: readonly (Pick<Curve, "steps" | "values"> & { readonly label: string })[];
}

const TITLES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(METRIC_LIST.map(([name, { title }]) => [name, title])),
  loss: "loss",
};

/** What a page draws of a run. */
export type Drawn = Pick<ReportData, "curves" | "predicts">;

/** The charts of the learning curves: the loss, the metrics that tables show, the learning rates. */
export function chartsOf({ curves, predicts }: Drawn): Chart[] {
  const drawn = (name: string) =>
    !METRIC_LIST.some(([metric, { tables }]) => metric === name && !tables?.includes(predicts));
  const groups = new Map<string, Curve[]>();
  for (const curve of curves) {
    const name = groupOf(curve.name);
    if (!drawn(name)) continue;
    groups.set(name, [...(groups.get(name) ?? []), curve]);
  }
  const order = ["loss", ...METRIC_LIST.map(([name]) => name)];
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...groups]
    .sort(([a], [b]) => rank(a) - rank(b))
    .map(([name, members]) => ({
      title: TITLES[name] ?? name,
      curves: namedCurves({ curves: members }),
    }));
}

/** The mean loss of training rows and the log loss of validation rows are on one chart. */
function groupOf(name: string): string {
  if (name === "logLoss") return "loss";
  if (/^learning_rate\b/.test(name)) return "learning rate";
  return name.slice(name.lastIndexOf(".") + 1);
}

/** All curves, by their names in the charts. */
export const namedCurves = ({ curves }: Pick<ReportData, "curves">): Chart["curves"] =>
  curves.map(({ split, name, steps, values }) => ({ label: labelOf(split, name), steps, values }));

/** `valid AUC`, `valid buy.AUC` */
function labelOf(split: string, name: string): string {
  const rate = /^learning_rate\.(.*)/.exec(name)?.[1];
  if (rate !== undefined) return [...split.split(" ").slice(0, -1), rate].join(" ");
  const dot = name.lastIndexOf(".");
  const [label, own] = [name.slice(0, dot + 1), name.slice(dot + 1)];
  return `${split} ${label}${TITLES[own] ?? own}`;
}
