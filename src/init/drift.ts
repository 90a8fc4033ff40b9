import { numberValue } from "../features/values.js";
import type { Looks } from "./looks.js";

/** The rows of the sample in parts that should have the same distribution: splits, or an earlier and a later half. */
export interface Parts {
  readonly names: readonly string[];
  /** By row of the sample: the index of its part; -1 for none. */
  readonly of: readonly number[];
}

/** Values with a bin of their own. */
const BINS = 20;

/**
 * The population stability index between the first part and the one that differs most from it:
 * `sum over bins of (p - q) ln(p / q)`, p and q the shares of the bin in the two parts (Siddiqi, "Credit Risk Scorecards",
 * 2006). Bins are ranges with about as many rows each for numbers, and otherwise the most frequent values; missing values
 * and all others have a bin each. Below 0.1 nothing has changed, from 0.25 on much has.
 */
export function drift(
  texts: readonly (string | null)[],
  looks: Looks,
  { names, of }: Parts,
): number | undefined {
  const binOf = looks.as === "number" ? numberBins(looks.numbers.quantiles) : valueBins(texts);
  const counts = names.map(() => new Map<number, number>());
  texts.forEach((text, row) => {
    const part = counts[of[row]];
    if (!part) return;
    const bin = text === null ? -1 : binOf(text);
    part.set(bin, (part.get(bin) ?? 0) + 1);
  });
  const filled = counts.filter(({ size }) => size > 0);
  if (counts[0].size === 0 || filled.length < 2) return undefined;
  return Math.max(...filled.slice(1).map((part) => stability(filled[0], part)));
}

function numberBins(quantiles: readonly number[]): (text: string) => number {
  const bounds = [...new Set(quantiles.filter((_, i) => i % 2 === 0).slice(1, -1))];
  return (text) => {
    const number = numberValue(text) ?? Number.NaN;
    return Number.isNaN(number) ? BINS : bounds.filter((bound) => bound < number).length;
  };
}

function valueBins(texts: readonly (string | null)[]): (text: string) => number {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, BINS);
  const bins = new Map(frequent.map(([text], bin) => [text, bin]));
  return (text) => bins.get(text) ?? BINS;
}

/** Added to every count, so that an empty bin has a logarithm. */
const PRIOR = 0.5;

function stability(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): number {
  const bins = [...new Set([...a.keys(), ...b.keys()])];
  const shares = (of: ReadonlyMap<number, number>) => {
    const rows = [...of.values()].reduce((sum, each) => sum + each, 0) + PRIOR * bins.length;
    return bins.map((bin) => ((of.get(bin) ?? 0) + PRIOR) / rows);
  };
  const [p, q] = [shares(a), shares(b)];
  return p.reduce((sum, share, i) => sum + (share - q[i]) * Math.log(share / q[i]), 0);
}
