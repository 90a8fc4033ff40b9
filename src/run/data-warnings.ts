import type { PreparedData } from "../data/pack/prepared.js";
import type { Absence } from "../features/absences.js";

/** What in the data of a run deserves a look. */
export type DataWarning =
  /** Splits differ in the share of values of a feature that are missing or unknown. */
  | {
      readonly about: "absences";
      readonly feature: string;
      readonly absence: Absence;
      /** By split: the share of its rows. */
      readonly shares: Readonly<Record<string, number>>;
    }
  /** A vocabulary has words that usually stand for missing values. */
  | { readonly about: "nullWords"; readonly table: string; readonly words: readonly string[] };

/** Shares of the training split and of another one that differ by more than this are suspicious. */
const SUSPICIOUS = 0.2;

/** What programs write for a missing value. */
const NULL_WORDS = [
  "NULL",
  "null",
  "NA",
  "N/A",
  "n/a",
  "NaN",
  "nan",
  "None",
  "none",
  "?",
  "\\N",
  "-",
  "#N/A",
];

export function dataWarnings(prepared: PreparedData): DataWarning[] {
  const { features, vocabularies } = prepared.features;
  const absences = features.flatMap(({ name }) =>
    (["missing", "unknown"] as const).flatMap((absence): DataWarning[] => {
      const shares = sharesOf(prepared, name, absence);
      const differs = Object.values(shares).some((share) => Math.abs(share - shares.train) > SUSPICIOUS);
      return differs ? [{ about: "absences", feature: name, absence, shares }] : [];
    }),
  );
  const words = Object.entries(vocabularies).flatMap(([table, values]): DataWarning[] => {
    const known = new Set(values);
    const found = NULL_WORDS.filter((word) => known.has(word));
    return found.length === 0 ? [] : [{ about: "nullWords", table, words: found }];
  });
  return [...absences, ...words];
}

function sharesOf({ splits }: PreparedData, feature: string, absence: Absence): Record<string, number> {
  const shares = Object.entries(splits).map(([name, { rows, absences }]) => [
    name,
    (absences[feature]?.[absence] ?? 0) / Math.max(rows, 1),
  ]);
  return Object.fromEntries(shares);
}

export function warningText(warning: DataWarning): string {
  if (warning.about === "nullWords")
    return `${warning.table} has a row for ${warning.words.join(", ")}: if that means missing, list it in nullValues of the source`;
  const { feature, absence, shares } = warning;
  const parts = Object.entries(shares).map(([split, share]) => `${(100 * share).toFixed(1)} % of ${split}`);
  const advice =
    absence === "unknown"
      ? "compare how the values are written in each split"
      : "compare the column in each split";
  return `${feature} is ${absence} in ${parts.join(", ")}: ${advice}`;
}
