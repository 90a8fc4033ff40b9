import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { METRICS_FILE, type MetricsLine, readMetrics } from "../train/log/metrics-log.js";
import { memberDirectories } from "../train/members.js";
import type { Curve } from "./report-data.js";

/** More points than a screen has columns only make the page larger. */
const MOST_POINTS = 1000;

/** The curves of a run's log; none if it has no log yet. @throws CheckpointError for a line that is no measurement */
export const readCurves = (runDir: string): Curve[] =>
  logsOf(runDir).flatMap(({ path, member }) =>
    curvesOf(readMetrics(path)).map((curve) => ({ ...curve, split: `${member}${curve.split}` })),
  );

/** The log of a run; of a run of several seeds, that of each member, since their steps are not those of one training. */
export function logsOf(runDir: string): { readonly path: string; readonly member: string }[] {
  const members = memberDirectories(runDir)
    .map((member) => ({ path: join(member, METRICS_FILE), member: `${basename(member)} ` }))
    .filter(({ path }) => existsSync(path));
  if (members.length > 0) return members;
  const own = join(runDir, METRICS_FILE);
  return existsSync(own) ? [{ path: own, member: "" }] : [];
}

/** One curve for each value of each split, in the order of first appearance. */
export function curvesOf(lines: readonly MetricsLine[]): Curve[] {
  const curves = new Map<
    string,
    { split: string; name: string; steps: number[]; values: (number | null)[] }
  >();
  for (const { split, step, values } of lines)
    for (const [name, value] of Object.entries(values)) {
      const key = JSON.stringify([split, name]);
      const curve = curves.get(key) ?? { split, name, steps: [], values: [] };
      curves.set(key, curve);
      curve.steps.push(step);
      curve.values.push(value);
    }
  return [...curves.values()].map(thinned);
}

/** A long curve, with the mean of several neighbours at the step of the last of them. */
function thinned({ steps, values, ...curve }: Curve): Curve {
  const size = Math.ceil(steps.length / MOST_POINTS);
  if (size <= 1) return { ...curve, steps, values };
  const ends = Array.from({ length: Math.ceil(steps.length / size) }, (_, i) =>
    Math.min(steps.length, (i + 1) * size),
  );
  return {
    ...curve,
    steps: ends.map((end) => steps[end - 1]),
    values: ends.map((end, i) => meanOf(values.slice(i * size, end))),
  };
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
