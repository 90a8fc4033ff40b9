import { expect, it } from "vitest";
import { z } from "zod";
import { packRows } from "../features/encoder.js";
import { fitFeatures } from "../features/fit.js";
import { featuresSchema } from "../features/schema/features.js";
import type { Predictor } from "../serve/predictor.js";
import { exampleRow } from "./example-row.js";
import { columnSchemas } from "./row-schema.js";

/** Features that read the column c. */
const READERS = {
  hash: { kind: "id", column: "c", hash: 9 },
  buckets: { kind: "id", column: "c", buckets: 9 },
  dynamic: { kind: "id", column: "c", dynamic: { capacity: 9 } },
  vocabulary: { kind: "id", column: "c", vocabulary: ["b", "c"] },
  bag: { kind: "ids", column: "c", hash: 9 },
  weighted: { kind: "ids", column: "c", hash: 9, weighted: true },
  cross: { kind: "id", columns: ["c", "d"], hash: 9 },
  number: { kind: "number", column: "c" },
  lookup: { kind: "lookup", map: "c", key: "d" },
  weekday: { kind: "datePart", input: "c", part: "weekday" },
  sequence: { kind: "sequence", column: "c", sequence: "s", hash: 9 },
};
/** A date is no number. */
const APART = ["buckets and weekday", "number and weekday"];
const VOCABULARY = ["b", "c"];

const names = Object.keys(READERS) as (keyof typeof READERS)[];
const pairs = names.flatMap((a, i) => names.slice(i).map((b) => [a, b] as const));

it.each(pairs)("the example of a column that %s and %s read is read by both, and fits the schema", (a, b) => {
  const features = [a, b].map((reader, i) => ({ name: `f${i}`, ...READERS[reader] }));
  const vocabularies = { f0: VOCABULARY, f1: VOCABULARY };
  const fitted = fitFeatures(featuresSchema.parse(features), { vocabularies, numbers: {} });
  const row = exampleRow({ features: fitted, rowColumns: ["c", "d"] } as unknown as Predictor);
  expect(packRows(fitted, [row]).bad.length > 0).toBe(APART.includes(`${a} and ${b}`));
  const schema = z.fromJSONSchema(columnSchemas(fitted).get("c") as never);
  expect(schema.safeParse(row.c).error).toBeUndefined();
});
