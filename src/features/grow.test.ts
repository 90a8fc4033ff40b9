import fc from "fast-check";
import { expect, it } from "vitest";
import "../index.js";
import { fitFeatures } from "./fit.js";
import { withValues } from "./grow.js";
import { type FeatureInput, featuresSchema } from "./schema/features.js";

const features: FeatureInput[] = [
  { kind: "id", name: "word", vocabulary: { grow: true } },
  { kind: "id", name: "same", embedding: "word", vocabulary: { grow: true }, missing: { value: "v1" } },
  { kind: "id", name: "strict", embedding: "word", vocabulary: { grow: true }, outOfVocabulary: "refuse" },
  { kind: "ids", name: "bag", embedding: "word", vocabulary: { grow: true }, missing: { value: "no value" } },
  { kind: "sequence", name: "seen", embedding: "word", vocabulary: { grow: true } },
  { kind: "sequence", name: "other", vocabulary: { grow: true } },
  { kind: "id", name: "shop", buckets: 3, outOfRange: "bucket" },
];

const texts = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `v${from + i}`);
const fitted = (word: readonly string[], other: readonly string[]) =>
  fitFeatures(featuresSchema.parse(features), { vocabularies: { word, other }, numbers: {} });

it("gives the features that are fitted to the longer vocabularies", () => {
  const count = fc.integer({ min: 2, max: 5 });
  fc.assert(
    fc.property(count, fc.nat(3), count, fc.nat(3), (words, newWords, others, newOthers) => {
      const grown = withValues(
        fitted(texts(words), texts(others)),
        new Map([
          ["word", texts(newWords, words)],
          ["other", texts(newOthers, others)],
        ]),
      );
      expect(grown).toEqual(fitted(texts(words + newWords), texts(others + newOthers)));
    }),
  );
});
